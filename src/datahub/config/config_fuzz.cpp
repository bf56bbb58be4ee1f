// SPDX-License-Identifier: Apache-2.0
// The data hub's configuration: aa.toml, cdh.toml, registries.conf, the kernel's command line. The first byte
// chooses the reader.
#include "base/fuzz.h"
#include "datahub/config/aa_config.h"
#include "datahub/config/cdh_config.h"
#include "datahub/config/config.h"
#include "datahub/config/registries_conf.h"

namespace cc::fuzz {

Target MakeTarget() {
  using namespace datahub;
  return {
      .seeds =
          {"0[token_configs.kbs]\nurl = \"http://kbs.example:8080\"\n[eventlog_config]\nenable_eventlog = "
           "false\n",
           "1socket = \"unix:///run/confidential-containers/cdh.sock\"\n[kbc]\nname = \"cc_kbc\"\nurl = "
           "\"http://kbs.example\"\n[[credentials]]\nresource_uri = \"kbs:///a/b/c\"\npath = "
           "\"/run/confidential-containers/cdh/kbs/x\"\n[image]\nmax_concurrent_layer_downloads_per_image = "
           "3\nimage_pull_proxy = { https_proxy = \"http://p:1\" }\n",
           "2unqualified-search-registries = [\"docker.io\"]\n[[registry]]\nprefix = "
           "\"a.example\"\n[[registry.mirror]]\n"
           "location = \"m.example\"\ninsecure = true\n",
           "3console=ttyS0 agent.aa_kbc_params=cc_kbc::http://1.2.3.4:8080 "
           "agent.image_registry_auth=kbs:///a/b/c "
           "cc.insecure_plain_http=a.example:80 "
           "\"cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbs/x\""},
      .run = [](std::string_view input) {
        if (input.empty()) return;
        const std::string_view text = input.substr(1);
        switch (input[0]) {
          case '0':
            if (auto aa = ParseAaConfig(text, "aa.toml"); aa.ok()) {
              MakeConfig(KernelCmdline::Parse(""), std::nullopt, *std::move(aa)).status().IgnoreError();
            }
            return;
          case '1':
            if (auto cdh = ParseCdhConfig(text, "cdh.toml"); cdh.ok()) {
              for (const Credential& credential : cdh->credentials) {
                Check(CheckCredentialPath(credential.path).ok(), "credentials stay in their directory");
              }
              MakeConfig(KernelCmdline::Parse(""), *std::move(cdh), std::nullopt).status().IgnoreError();
            }
            return;
          case '2':
            return ParseRegistriesConf(text, "registries.conf").status().IgnoreError();
          default:
            return MakeConfig(KernelCmdline::Parse(text), std::nullopt, std::nullopt).status().IgnoreError();
        }
      }};
}

}  // namespace cc::fuzz
