//! The files of a new domain that people read.

use m2m_trust::bundle::TrustBundle;
use m2m_trust::keys::Signer;

use super::{Making, Options, Ports};
use crate::domain::{DomainDescription, RootKeyText, Server};
use crate::keys::Signing;
use crate::settings::Role;

impl Making<'_> {
    pub(super) fn description(&self, bundle: &TrustBundle, root: &Signing) -> String {
        let Ports { mef, aa, relay } = self.options.ports;
        let server = |(role, port): (Role, u16)| Server { role, id: role.name().to_owned(), url: url(port) };
        let description = DomainDescription {
            name: self.options.name.clone(),
            domain: bundle.domain.0,
            roots: vec![RootKeyText(root.public_key().to_bytes())],
            servers: [(Role::Mef, mef), (Role::Aa, aa), (Role::Relay, relay)].into_iter().map(server).collect(),
        };
        serde_json::to_string_pretty(&description).unwrap_or_default() + "\n"
    }

    pub(super) fn settings(&self, role: Role) -> String {
        let name = role.name();
        let Ports { mef, aa, relay } = self.options.ports;
        let listen = |port: u16| format!("listen = \"127.0.0.1:{port}\"\n");
        let period = humantime::format_duration(self.options.revocation_period);
        let rest = match role {
            Role::Root | Role::Manufacturer | Role::Ma => String::new(),
            Role::Mef => listen(mef),
            Role::Aa => {
                let peers = format!("\n[peers] # MEFs\nmef = \"{}\"\n", url(mef));
                listen(aa) + &peers + &format!("\n[revocations]\nperiod = \"{period}\"\n")
            }
            Role::Relay => listen(relay) + &format!("\n[peers] # AAs\naa = \"{}\"\n", url(aa)),
        };
        format!("role = \"{name}\"\nid = \"{name}\"\n{rest}")
    }

    fn quota(&self) -> u32 {
        let Options { slots_per_epoch, per_slot, .. } = *self.options;
        let services = u32::try_from(self.options.services.len()).unwrap_or(u32::MAX);
        let all = services.saturating_mul(slots_per_epoch).saturating_mul(per_slot);
        self.options.quota.unwrap_or(all.saturating_mul(2))
    }

    pub(super) fn policy(&self) -> String {
        let operations =
            self.options.services.iter().flat_map(|service| {
                service.operations.iter().map(|operation| format!("\"{}/{operation}\"", service.name))
            });
        format!(
            "# Whom this MEF enrols: the first rule whose conditions all hold decides, and without one nobody is enrolled.\n\
             # Possible conditions: software-stability, hardware-stability, attack-resistance, secure-environments,\n\
             # service-functions, certifications, models, debug, measurements, other-measurements.\n\n\
             [[rule]]\n\
             name = \"development\"\n\
             reason = \"every node of our manufacturer, as long as this domain is for experiments\"\n\
             services = [{}]\n\
             quota = {}\n\
             term = \"365 days\"\n",
            operations.collect::<Vec<_>>().join(", "),
            self.quota(),
        )
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
