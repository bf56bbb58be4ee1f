// SPDX-License-Identifier: Apache-2.0
//! Hands the headers of the libcurl that was built to C++, in the directory that CC_HEADERS names.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=CC_HEADERS");
    let variable = |name| env::var_os(name).map(PathBuf::from).unwrap_or_else(|| panic!("{name} is not set"));
    copy(&variable("DEP_CURL_INCLUDE").join("curl"), &variable("CC_HEADERS").join("curl"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
