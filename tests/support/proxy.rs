//! Real reverse proxies of this machine, on a free port each, with a configuration of the test's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use super::postgres::{self, OwnServer};
use super::requirement::program;

/// A running proxy. Killed when dropped.
pub struct Proxy {
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port for a program that cannot choose one itself.
///
/// The ports are below those that Linux and macOS give to connections: such a connection would block the program's `bind`.
/// A UDP socket of the same number reserves the port until this process ends, for other runs of the tests too.
pub fn free_port() -> u16 {
    static NEXT: Mutex<Range<u16>> = Mutex::new(15_000..32_000);
    static RESERVED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut ports = NEXT.lock().unwrap();
    ports
        .find(|port| {
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)) else { return false };
            RESERVED.lock().unwrap().push(reservation);
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok()
        })
        .expect("a free port from 15000 to 32000")
}

/// A free port at a loopback address that no other test uses: while a server is down, no other one gets its port.
pub fn own_address() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SocketAddr::from(([127, 71, high, low], free_port()))
}

/// A file of `deploy/` with other addresses. Each of its own must be there.
pub fn adapted(file: &str, changes: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(format!("deploy/{file}")).unwrap();
    for (there, here) in changes {
        assert!(text.contains(there), "{file} has no {there}");
        text = text.replace(there, here);
    }
    text
}

/// nginx with `http` in its http block, listening on `port`.
pub fn nginx(port: u16, http: &str) -> Proxy {
    let program = program("nginx").expect("a test behind nginx needs(nginx)");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let config = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;
         events {{ worker_connections 1024; }}
         http {{
             access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
             uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
             {http}
         }}"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
    Proxy::start(command, port, folder)
}

/// Caddy with these sites, of which one listens on `port`.
pub fn caddy(port: u16, sites: &str) -> Proxy {
    let program = program("caddy").expect("a test behind Caddy needs(caddy)");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Caddyfile");
    // The first block without a name is for the whole of Caddy.
    let text = if sites.contains("\n{\n") {
        sites.replacen("\n{\n", "\n{\n\tadmin off\n", 1)
    } else {
        format!("{{\n\tadmin off\n}}\n{sites}")
    };
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    command.env_clear().env("HOME", folder.path());
    Proxy::start(command, port, folder)
}

/// HAProxy with this configuration, which listens on `port`, and this Lua script.
pub fn haproxy(port: u16, config: &str, script: &str) -> Proxy {
    let program = program("haproxy").expect("a test behind HAProxy needs(haproxy)");
    let folder = tempfile::tempdir().unwrap();
    let (file, script_file) = (folder.path().join("haproxy.cfg"), folder.path().join("haproxy-latchkey.lua"));
    std::fs::write(&script_file, script).unwrap();
    let installed = "/etc/haproxy/haproxy-latchkey.lua";
    assert!(config.contains(installed), "{config}");
    std::fs::write(&file, config.replace(installed, script_file.to_str().unwrap())).unwrap();
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&file);
    Proxy::start(command, port, folder)
}

/// `PgBouncer` in this mode before the server at `server`, a URL with a socket folder. It never resets a server connection.
pub fn pgbouncer(port: u16, mode: &str, server: &OwnServer, settings: &str) -> Proxy {
    let program = program("pgbouncer").expect("a test behind PgBouncer needs(pgbouncer)");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pgbouncer.ini");
    let config = format!(
        "[databases]\nlatchkey = host={} dbname=postgres user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\nserver_reset_query =\n{settings}\n",
        server.folder().display()
    );
    std::fs::write(&file, config).unwrap();
    let mut command = postgres::unprivileged(folder.path(), &program);
    command.arg(&file);
    Proxy::start(command, port, folder)
}

impl Proxy {
    fn start(mut command: Command, port: u16, folder: tempfile::TempDir) -> Self {
        let log = folder.path().join("error.log");
        let said = std::fs::File::options().append(true).create(true).open(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        let proxy = Self { address: SocketAddr::from(([127, 0, 0, 1], port)), child, folder };
        proxy.listening_at(port);
        proxy
    }

    /// Waits until it listens on this port too.
    pub fn listening_at(&self, port: u16) -> SocketAddr {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..400 {
            if TcpStream::connect(address).is_ok() {
                return address;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("the proxy does not listen: {}", self.said());
    }

    /// What it logged.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}
