//! A RabbitMQ of our own: own ports, own node name, own folder. It dies with the test, however that ends.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tempfile::TempDir;

use super::certificates::Certificates;
use super::running::eventually;

pub(crate) const USER: &str = "culprit";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const STRANGER: &str = "stranger";

/// Debian's wrapper beside it changes the user; this is what it calls.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// Waits until nobody holds its standard input any more, then ends what it started.
const GUARD: &str = r#"
set -m
exec 2> "$HOME/guard"
epmd -port "$ERL_EPMD_PORT" & names=$!
"$1" > "$HOME/output" 2>&1 & server=$!
cat > "$HOME/never"
kill -9 -- -$server -$names
wait
[ "$2" = keep ] || rm -rf "$HOME"
"#;

pub(crate) struct Broker {
    folder: PathBuf,
    _removed: Option<TempDir>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    other_ports: [u16; 2],
    pub(crate) certificates: Certificates,
    guard: Option<Child>,
}

impl Broker {
    /// For all tests that do not disturb it; each has a virtual host of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
            Self::start(folder, None)
        })
    }

    pub(crate) fn own() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self::start(folder.path().to_owned(), Some(folder))
    }

    fn start(folder: PathBuf, removed: Option<TempDir>) -> Self {
        assert!(Path::new(SERVER).exists(), "RabbitMQ is missing: run `cargo xtask setup`");
        let certificates = Certificates::write(&folder);
        let [port, tls_port, names, distribution] = free_ports();
        fs::write(folder.join("rabbitmq.conf"), configuration(&folder, port, tls_port, &certificates))
            .unwrap();
        fs::write(folder.join("definitions.json"), definitions()).unwrap();
        fs::write(folder.join("plugins"), "[rabbitmq_auth_mechanism_ssl].").unwrap();
        let mut broker = Self {
            folder,
            _removed: removed,
            port,
            tls_port,
            other_ports: [names, distribution],
            certificates,
            guard: None,
        };
        broker.rise();
        broker
    }

    /// Starts it, also again.
    pub(crate) fn rise(&mut self) {
        let keep = if self._removed.is_some() { "keep" } else { "remove" };
        let mut command = self.command("bash");
        // A signal to the group of the test shall not end the guard before it has cleaned up.
        command.args(["-c", GUARD, "guard", SERVER, keep]).stdin(Stdio::piped()).process_group(0);
        self.guard = Some(command.spawn().unwrap());
        let port = self.port;
        let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        for _ in 0..600 {
            if ready() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the broker does not start:\n{}", self.output());
    }

    /// As a power failure would.
    pub(crate) fn kill(&mut self) {
        let mut guard = self.guard.take().unwrap();
        drop(guard.stdin.take());
        guard.wait().unwrap();
    }

    pub(crate) fn control(&self, arguments: &[&str]) -> String {
        let output = self.command(CONTROL).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn url(&self, virtual_host: &str) -> String {
        format!("amqp://{USER}:{}@127.0.0.1:{}/{virtual_host}", PASSWORD.replace(' ', "%20"), self.port)
    }

    /// Somebody else at the broker.
    pub(crate) async fn channel(&self, virtual_host: &str) -> Channel {
        let url = self.url(virtual_host);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        connection.create_channel().await.unwrap()
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

    fn output(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.kill();
        }
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn configuration(folder: &Path, port: u16, tls_port: u16, certificates: &Certificates) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         listeners.ssl.1 = 127.0.0.1:{tls_port}\n\
         ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
         ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
         auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\nauth_mechanisms.3 = EXTERNAL\nssl_cert_login_from = common_name\n\
         load_definitions = {}\n",
        certificates.ca.display(),
        certificates.server.0.display(),
        certificates.server.1.display(),
        folder.join("definitions.json").display(),
    )
}

fn definitions() -> String {
    let virtual_hosts: Vec<_> = VIRTUAL_HOSTS.iter().map(|name| serde_json::json!({"name": name})).collect();
    let permissions = VIRTUAL_HOSTS.iter().map(|name| {
        serde_json::json!({"user": USER, "vhost": name, "configure": ".*", "write": ".*", "read": ".*"})
    });
    let refused = serde_json::json!(
        {"user": STRANGER, "vhost": "permissions", "configure": "^nothing$", "write": "", "read": ".*"}
    );
    let permissions: Vec<_> = permissions.chain([refused]).collect();
    let user = |name: &str| serde_json::json!({"name": name, "password": PASSWORD, "tags": []});
    serde_json::json!({
        "vhosts": virtual_hosts,
        "users": [user(USER), user(STRANGER)],
        "permissions": permissions,
    })
    .to_string()
}

/// One for each test.
const VIRTUAL_HOSTS: [&str; 10] =
    ["arriving", "missing", "crash", "dropped", "bounds", "draining", "permissions", "two", "odd", "restart"];

pub(crate) async fn waiting(channel: &Channel, queue: &str) -> u32 {
    let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap().message_count()
}

pub(crate) async fn waits(channel: &Channel, queue: &str, count: u32) {
    eventually(&format!("{count} messages in {queue}"), async || waiting(channel, queue).await == count)
        .await;
}
