//! Looks for what WASI would give a program: folders, environment, arguments, sockets, names.

mod world {
    #![allow(missing_docs, unsafe_code)]
    wit_bindgen::generate!({ path: "wit", world: "prober", generate_all });
}

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use world::wasi::cli::environment;
use world::wasi::filesystem::preopens;
use world::wasi::sockets::{instance_network, ip_name_lookup, network, tcp_create_socket};

struct WasiProber {
    done: bool,
}

impl ApplicationEntity for WasiProber {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(WasiProber { done: false })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        info!("folders {}", preopens::get_directories().len());
        info!("environment {}", environment::get_environment().len());
        info!("arguments {}", environment::get_arguments().len());
        info!("working folder {:?}", environment::initial_cwd());
        let network = instance_network::instance_network();
        let home = network::IpSocketAddress::Ipv4(network::Ipv4SocketAddress { port: 9, address: (127, 0, 0, 1) });
        let socket = tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4);
        info!("connect {}", name(socket.and_then(|socket| socket.start_connect(&network, home))));
        let lookup = ip_name_lookup::resolve_addresses(&network, "localhost");
        info!("look up {}", name(lookup.map(drop)));
        info!("done");
        Ok(())
    }
}

fn name(answer: Result<(), network::ErrorCode>) -> &'static str {
    answer.err().map_or("ok", |error| error.name())
}

ae!(WasiProber);
