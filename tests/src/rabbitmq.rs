//! A RabbitMQ of our own: own ports, own node name, own folder. It dies with whoever started it, however that ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::certificates::Certificates;
use crate::ports::free_port;

pub const USER: &str = "culprit";
/// As few programs expect it.
pub const PASSWORD: &str = "correct horse";
/// The only name in its certificate.
pub const SERVER_NAME: &str = "broker.example";

/// Debian's wrapper beside it changes the user; this is what it calls.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// Waits until nobody holds its standard input any more, then ends what it started.
const GUARD: &str = r#"
set -m
exec 2> "$HOME/guard"
epmd -port "$ERL_EPMD_PORT" & names=$!
"$1" >> "$HOME/output" 2>&1 & server=$!
cat > "$HOME/never"
kill -9 -- -$server -$names
wait
[ "$2" = keep ] || rm -rf "$HOME"
"#;

const LONGEST_START: Duration = Duration::from_secs(90);
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// What becomes of the folder when the broker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    Stays,
    Goes,
}

/// One node, which can be killed and, when its folder stays, started again.
#[derive(Debug)]
pub struct Broker {
    folder: PathBuf,
    afterwards: Folder,
    pub port: u16,
    /// For clients that its authority signed.
    pub tls_port: u16,
    pub certificates: Certificates,
    other_ports: [u16; 2],
    guard: Option<Child>,
}

impl Broker {
    /// With these virtual hosts, of which [`USER`] may do anything.
    pub fn start(folder: &Path, afterwards: Folder, virtual_hosts: &[String]) -> Result<Self> {
        ensure!(Path::new(SERVER).exists(), "RabbitMQ is missing: run `cargo xtask setup`");
        fs::create_dir_all(folder)?;
        let mut broker = Self {
            folder: folder.to_owned(),
            afterwards,
            port: free_port()?,
            tls_port: free_port()?,
            certificates: Certificates::write(folder, "broker", SERVER_NAME, USER)?,
            other_ports: [free_port()?, free_port()?],
            guard: None,
        };
        fs::write(folder.join("rabbitmq.conf"), broker.configuration())?;
        fs::write(folder.join("definitions.json"), defined(virtual_hosts))?;
        fs::write(folder.join("plugins"), "[rabbitmq_auth_mechanism_ssl].")?;
        broker.rise()?;
        Ok(broker)
    }

    /// Starts it, also again.
    pub fn rise(&mut self) -> Result<()> {
        let afterwards = if self.afterwards == Folder::Stays { "keep" } else { "remove" };
        let mut command = self.command("bash");
        // A signal to our own group shall not end the guard before it has cleaned up.
        command.args(["-c", GUARD, "guard", SERVER, afterwards]).stdin(Stdio::piped()).process_group(0);
        self.guard = Some(command.spawn().context("failed to start a broker")?);
        let began = Instant::now();
        while !answers(self.port) {
            if began.elapsed() > LONGEST_START {
                let output = fs::read_to_string(self.folder.join("output")).unwrap_or_default();
                bail!("the broker does not start:\n{output}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// As a power failure would.
    pub fn kill(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        drop(guard.stdin.take());
        // It is gone in any case.
        guard.wait().ok();
    }

    /// Asks `rabbitmqctl`.
    pub fn control(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(CONTROL).args(arguments).output().context("failed to start rabbitmqctl")?;
        ensure!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    #[must_use]
    pub fn url(&self, virtual_host: &str) -> String {
        format!("amqp://{USER}:{}@127.0.0.1:{}/{virtual_host}", PASSWORD.replace(' ', "%20"), self.port)
    }

    fn configuration(&self) -> String {
        let Certificates { ca, server, .. } = &self.certificates;
        format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nlisteners.ssl.1 = 127.0.0.1:{}\n\
             ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\n\
             auth_mechanisms.3 = EXTERNAL\nssl_cert_login_from = common_name\n\
             load_definitions = {}\n",
            self.port,
            self.tls_port,
            ca.display(),
            server.certificate.display(),
            server.key.display(),
            self.folder.join("definitions.json").display(),
        )
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let [names, distribution] = self.other_ports;
        let folder = &self.folder;
        command
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", names.to_string())
            .env("RABBITMQ_NODENAME", format!("culprit-{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder)
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2");
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether it speaks: a broker that only listens may still fail to start.
fn answers(port: u16) -> bool {
    /// <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, 4.2.2.
    const PROTOCOL: &[u8] = b"AMQP\0\0\x09\x01";
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.set_read_timeout(Some(LONGEST_ANSWER))?;
        stream.write_all(PROTOCOL)?;
        stream.read_exact(&mut [0])
    });
    asked.is_ok()
}

fn defined(virtual_hosts: &[String]) -> String {
    let hosts: Vec<_> = virtual_hosts.iter().map(|name| json!({"name": name})).collect();
    let all = |name| json!({"user": USER, "vhost": name, "configure": ".*", "write": ".*", "read": ".*"});
    let permissions: Vec<_> = virtual_hosts.iter().map(all).collect();
    let users = json!([{"name": USER, "password": PASSWORD, "tags": []}]);
    json!({"vhosts": hosts, "users": users, "permissions": permissions}).to_string()
}
