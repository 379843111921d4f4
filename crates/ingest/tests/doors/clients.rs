//! Clients that clouds use, each in a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use culprit_tests::certificates::{Certificates, Signed};
use ingest::http::TlsSettings;
use ingest::{LiveSource as _, Syslog, SyslogSettings};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::forward::Fluentd;
use crate::site::{Disk, GUARD, Site};

/// Runs a script of this folder to its end, in the environment that `cargo xtask setup` makes.
async fn python(script: &str, arguments: &[&str]) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv");
    let python = target.join("bin/python");
    assert!(python.exists(), "Python's libraries are missing: run `cargo xtask setup`");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doors").join(script);
    let mut command = Command::new(python);
    command
        .arg(script)
        .args(arguments)
        .env("PYTHONWARNINGS", "ignore")
        // These would win over what the script says.
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = timeout(GUARD, command.output()).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn the_sdk_of_opentelemetry() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "ours", "localhost", "shipper").unwrap();
    let Signed { certificate, key } = certificates.server.clone();
    let tls = TlsSettings { certificate, key, client_ca: Some(certificates.ca.clone()) };
    let site = Site::with(Disk::Works, |settings| {
        settings.token = Some("s3cret".to_owned());
        settings.tls = Some(tls);
    })
    .await;
    let url = format!("https://localhost:{}", site.address.port());
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (ca, certificate, key) =
        (path(&certificates.ca), path(&certificates.client.certificate), path(&certificates.client.key));
    python("otel.py", &[&url, &ca, &certificate, &key]).await;
    let store = site.close().await;
    let lines = store.only("otlp/ctl1/nova-api");
    assert_eq!(lines.len(), 101);
    let record: serde_json::Value = serde_json::from_str(&lines[7]).unwrap();
    assert_eq!((&record["body"], &record["severity_text"]), (&"line 7".into(), &"INFO".into()), "{record}");
    assert_eq!(record["scope"], "nova.api.openstack");
    assert_eq!(record["attributes"]["request_id"], "req-0828ff79-a028-4a47-bb35-7a5a177b7002");
    assert!(record["timestamp"].as_str().unwrap().ends_with('Z'), "{record}");
    let failure: serde_json::Value = serde_json::from_str(&lines[100]).unwrap();
    assert_eq!(failure["attributes"]["exception.type"], "ValueError");
}

#[tokio::test]
async fn the_libraries_of_opensearch_and_elasticsearch() {
    let site = Site::with(Disk::Works, |settings| settings.token = Some("s3cret".to_owned())).await;
    python("bulk.py", &[&format!("http://{}", site.address)]).await;
    let store = site.close().await;
    let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    for name in ["opensearch", "elasticsearch"] {
        assert_eq!(store.streams[&format!("bulk/{name}/var/log/x.log")], expected);
    }
}

#[tokio::test]
async fn the_library_of_fluentd() {
    let fluentd = Fluentd::open(Disk::Works, |_| {}).await;
    python("fluentd.py", &[&fluentd.address.port().to_string()]).await;
    fluentd.takes(200).await;
    let store = fluentd.close().await;
    for (name, time) in [("coarse", "2026-11-21T03:28:16.000Z"), ("fine", "2026-11-21T03:28:16.500Z")] {
        let lines = &store.streams[&format!("fluent/{name}/nova.api")];
        assert_eq!(lines.len(), 100);
        let start = format!("{{\"timestamp\":\"{time}\",\"severity_text\":\"info\",\"body\":\"line 7\"");
        assert!(lines[7].starts_with(&start), "{}", lines[7]);
    }
}

/// Sends the lines of a file by one action.
fn rsyslog(folder: &Path, action: &str) -> Child {
    let lines: String = (0..100).map(|number| format!("line {number}\n")).collect();
    std::fs::write(folder.join("x.log"), lines).unwrap();
    let shown = folder.display();
    let config = format!(
        "global(workDirectory=\"{shown}\" localHostname=\"ctl1\")\n\
         module(load=\"imfile\" mode=\"polling\" pollingInterval=\"1\")\n\
         input(type=\"imfile\" file=\"{shown}/x.log\" tag=\"nova-api:\" freshStartTail=\"off\")\n\
         {action}\n"
    );
    let path = folder.join("rsyslog.conf");
    std::fs::write(&path, config).unwrap();
    let program = "/usr/sbin/rsyslogd";
    assert!(Path::new(program).exists(), "rsyslog is missing: run `cargo xtask setup`");
    let mut command = Command::new(program);
    command.args(["-n", "-f"]).arg(&path).arg("-i").arg(folder.join("pid")).kill_on_drop(true);
    command.spawn().unwrap()
}

#[tokio::test]
async fn rsyslog_by_tcp() {
    let tcp = Some(([127, 0, 0, 1], 0).into());
    let source = Syslog::bind(SyslogSettings { tcp, ..SyslogSettings::default() }).await.unwrap();
    let address: SocketAddr = source.addresses().1.unwrap();
    let (out, mut handed_over) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let running = tokio::spawn(source.run(out, stop.clone()));
    let folder = tempfile::tempdir().unwrap();
    let action = format!(
        "*.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" \
         template=\"RSYSLOG_SyslogProtocol23Format\")",
        address.port()
    );
    let mut rsyslog = rsyslog(folder.path(), &action);
    let mut lines = Vec::new();
    while lines.len() < 100 {
        let delivery = timeout(GUARD, handed_over.recv()).await.expect("lines come").unwrap();
        if delivery.source.path == "syslog/ctl1/nova-api" {
            lines.extend(delivery.batch.lines);
        }
    }
    for (number, line) in lines.iter().enumerate() {
        let text = String::from_utf8_lossy(&line.text);
        assert!(text.starts_with("<") && text.ends_with(&format!("line {number}")), "{text}");
    }
    rsyslog.kill().await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn rsyslog_by_bulk() {
    let site = Site::with(Disk::Works, |settings| settings.token = Some("s3cret".to_owned())).await;
    let folder = tempfile::tempdir().unwrap();
    let action = format!(
        "module(load=\"omelasticsearch\")\n\
         template(name=\"document\" type=\"list\" option.jsonf=\"on\") {{\n\
           property(outname=\"@timestamp\" name=\"timereported\" dateFormat=\"rfc3339\" format=\"jsonf\")\n\
           property(outname=\"host\" name=\"hostname\" format=\"jsonf\")\n\
           property(outname=\"path\" name=\"$!metadata!filename\" format=\"jsonf\")\n\
           property(outname=\"message\" name=\"msg\" format=\"jsonf\")\n\
         }}\n\
         *.* action(type=\"omelasticsearch\" server=\"127.0.0.1\" serverport=\"{}\" uid=\"any\" pwd=\"s3cret\" \
         bulkmode=\"on\" template=\"document\" searchType=\"\" queue.type=\"linkedList\")",
        site.address.port()
    );
    let mut rsyslog = rsyslog(folder.path(), &action);
    let stored = async {
        while site.counts.bulk.records.load(std::sync::atomic::Ordering::Relaxed) < 100 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, stored).await.expect("all come");
    rsyslog.kill().await.unwrap();
    let store = site.close().await;
    let lines: Vec<&String> =
        store.streams.values().flatten().filter(|line| line.contains("line ")).collect();
    assert!(lines[7].contains("line 7"), "{lines:?}");
    assert_eq!(lines.len(), 100);
}
