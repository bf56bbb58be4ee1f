// SPDX-License-Identifier: Apache-2.0
//! Nothing of its own: the archive carries the C objects of libcurl and nghttp2.

extern crate curl_sys;
