//! Every line reaches central once, whatever happens to central, to the network, to the disk and to the agent.
//!
//! Nothing here sleeps: what takes time is waited for, and a guard ends a test that would wait for ever.

mod acceptor;
mod central;
mod host;

use std::fs;
use std::time::Duration;

use agent::{Report, SendError, SpoolError, Token};
use culprit_tests::certificates::Certificates;
use ingest::Receipt;

use crate::acceptor::acceptor;
use crate::central::{Account, Central, Mood, SOON};
use crate::host::{Host, NAME, Running, STREAM, logged, stream, streamed};

/// The only name in central's certificate.
const SERVER_NAME: &str = "central.example";

/// Longer than anything here takes on a busy machine.
const GUARD: Duration = Duration::from_secs(60);

/// Waits for that many lines of each, and sees that there is nothing else.
async fn check(central: &Central, file: usize, streams: usize) -> Account {
    let account = central.wait(|account| account.count() >= file + streams).await;
    assert_eq!(account.problems, Vec::<String>::new());
    let of = |path: &dyn Fn(&str) -> bool| -> Vec<&str> {
        let texts = account.names.iter().map(|name| &account.texts[name]);
        let texts = texts.filter(|text| path(&text.resource["log.file.path"]));
        texts.flat_map(|text| text.lines.iter().map(String::as_str)).collect()
    };
    assert_eq!(of(&|path| path.contains(".log")), (0..file).map(logged).collect::<Vec<_>>());
    assert_eq!(of(&|path| path == STREAM), (0..streams).map(streamed).collect::<Vec<_>>());
    assert_eq!(account.count(), file + streams);
    account
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_arrive_as_they_are() {
    let central = Central::start().await;
    let host = Host::new(&central);
    host.log("nova-compute.log", (0..3).map(logged));
    let running = host.start(7).await;
    let account = check(&central, 3, 7).await;
    for text in account.texts.values() {
        assert_eq!(text.resource["host.name"], NAME);
        assert_eq!(text.numbers, (1..=text.lines.len() as u64).collect::<Vec<_>>());
    }
    let status = running.stop().await;
    assert_eq!((status.lines, status.sent, status.trouble), (10, 10, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_wait_while_central_is_gone() {
    let mut central = Central::gone(None).await;
    let host = Host::new(&central);
    host.log("a.log", (0..10).map(logged));
    let mut running = host.start(10).await;
    let status = running.wait(|status| status.lines == 20 && status.retries > 1).await;
    assert!(status.oldest_unsent.is_some() && status.spool_bytes > 0);
    assert!(matches!(running.report().await, Report::Send(SendError::Unreachable { .. })));
    central.come().await;
    check(&central, 10, 10).await;
    assert!(matches!(running.report().await, Report::Sending), "the same trouble is told once");
    for round in 1..4 {
        central.go().await;
        host.log("a.log", (10 * round..10 * round + 10).map(logged));
        running.wait(|status| status.trouble.is_some()).await;
        central.come().await;
        check(&central, 10 * round + 10, 10).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_acknowledged_is_sent_again() {
    async fn check_mood(moods: &[Mood], patience: Duration, again: bool) {
        let central = Central::start().await;
        let mut host = Host::new(&central);
        host.settings.central.patience = patience;
        host.log("a.log", (0..20).map(logged));
        central.be(moods);
        let running = host.start(20).await;
        check(&central, 20, 20).await;
        let status = running.stop().await;
        assert_eq!((central.moods_left(), status.retries), (0, moods.len() as u64), "{moods:?}");
        assert_eq!((status.sent, central.account().again > 0), (40, again), "{moods:?}");
    }
    let patient = Duration::from_secs(20);
    check_mood(&[Mood::Refuse(503, Some("0"))], patient, false).await;
    check_mood(&[Mood::Refuse(429, None), Mood::Refuse(502, None), Mood::Refuse(504, None)], patient, false)
        .await;
    check_mood(&[Mood::Refuse(503, Some("Sat, 21 Nov 2026 07:28:00 GMT"))], patient, false).await;
    check_mood(&[Mood::Refuse(400, None), Mood::Refuse(413, None), Mood::Refuse(500, None)], patient, false)
        .await;
    check_mood(&[Mood::BreakOff, Mood::BreakOff], patient, false).await;
    check_mood(&[Mood::TakeAndRefuse(503)], patient, true).await;
    check_mood(&[Mood::TakeAndBreakOff, Mood::TakeAndBreakOff], patient, true).await;
    check_mood(&[Mood::TakeAndHang], SOON * 30, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rejected_is_told_and_the_rest_goes_on() {
    let central = Central::start().await;
    let host = Host::new(&central);
    central.be(&[Mood::Reject(2)]);
    let mut running = host.start(20).await;
    let told = running.report().await;
    let Report::Send(rejected) = &told else { panic!("{told:?}") };
    assert!(
        rejected.to_string().ends_with("rejected 2 of its lines, which are lost: no [31m room"),
        "{rejected}"
    );
    check(&central, 0, 20).await;
    let status = running.stop().await;
    assert_eq!((status.lines, status.sent, status.rejected, status.retries), (20, 18, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_loses_nothing() {
    let mut central = Central::start().await;
    let mut host = Host::new(&central);
    host.settings.spool.segment_bytes = 1000;
    let rounds = 24;
    for round in 0..rounds {
        host.log("a.log", (round * 30..round * 30 + 30).map(logged));
        if round % 6 == 5 {
            central.go().await;
        }
        central.be(&[Mood::TakeAndBreakOff, Mood::Refuse(503, None)][..round % 3]);
        let mut running = host.start(round * 30 + 30).await;
        // Killed before anything is taken, while lines are taken, and while they are sent.
        match round % 6 {
            0 => {}
            5 => drop(running.wait(|status| status.lines as usize > round % 7).await),
            other => {
                let before = central.account().count();
                let more = (other * 11).min(60 * (round + 1) - before);
                central.wait(|account| account.count() >= before + more).await;
            }
        }
        running.kill().await;
        if round % 6 == 5 {
            central.come().await;
        }
    }
    let running = host.start(rounds * 30).await;
    check(&central, rounds * 30, rounds * 30).await;
    running.stop().await;
    // All is acknowledged: nothing comes again.
    let again = central.account().again;
    let running = host.start(rounds * 30 + 1).await;
    check(&central, rounds * 30, rounds * 30 + 1).await;
    running.stop().await;
    assert_eq!(central.account().again, again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_stopped_sends_the_rest_after_its_next_start() {
    let mut central = Central::gone(None).await;
    let mut host = Host::new(&central);
    host.settings.last_chance = SOON;
    host.log("a.log", (0..10).map(logged));
    let mut running = host.start(10).await;
    running.wait(|status| status.lines == 20).await;
    let status = running.stop().await;
    assert_eq!((status.lines, status.sent), (20, 0));
    central.come().await;
    // Nothing has to be taken for it.
    let running = host.start(0).await;
    check(&central, 10, 10).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_sources_have_ended_sends_all_and_ends() {
    let central = Central::start().await;
    let host = Host::new(&central);
    central.be(&[Mood::Refuse(503, None)]);
    let running = Running::start(host.open().await, |tasks, out, _| {
        tasks.spawn(async move {
            out.send(stream(STREAM, 0, 5, Receipt::unwanted())).await.unwrap();
            Ok(())
        });
    });
    assert_eq!(running.ends().await.sent, 5);
    check(&central, 0, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_wait_while_the_spool_is_full() {
    let mut central = Central::gone(None).await;
    let mut host = Host::new(&central);
    host.settings.spool.max_bytes = 20_000;
    host.settings.cut.bytes = 2000;
    let all = 5000;
    let mut running = host.start(all).await;
    let status = running.wait(|status| status.waiting).await;
    assert!(status.spool_bytes <= 20_000 && status.spool_bytes > 10_000, "{status:?}");
    assert!(status.lines < all as u64);
    running.kill().await;
    // It is as full for the next one.
    let mut running = host.start(all).await;
    let status = running.wait(|status| status.waiting).await;
    assert!(status.lines < 200 && status.spool_bytes <= 20_000, "{status:?}");
    central.come().await;
    check(&central, 0, all).await;
    let status = running.wait(|status| status.sent > 0 && !status.waiting).await;
    assert!(status.spool_bytes < 20_000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_rotated_between_two_starts_keeps_its_name() {
    let central = Central::start().await;
    let host = Host::new(&central);
    // Longer than what a text is known by.
    host.log("a.log", (0..20).map(logged));
    let running = host.start(0).await;
    let first = check(&central, 20, 0).await;
    running.stop().await;
    host.log("a.log", (20..25).map(logged));
    fs::rename(host.path("a.log"), host.path("a.log.1")).unwrap();
    host.log("a.log", (25..50).map(logged));
    let running = host.start(0).await;
    let account = central.wait(|account| account.count() == 50).await;
    running.stop().await;
    assert_eq!((account.problems, account.names.len()), (Vec::new(), 2));
    let text = |place: usize| &account.texts[&account.names[place]];
    assert_eq!(account.names[0], first.names[0]);
    assert_eq!(text(0).lines, (0..25).map(logged).collect::<Vec<_>>());
    assert_eq!(text(1).lines, (25..50).map(logged).collect::<Vec<_>>());
    assert_eq!((text(0).numbers[24], text(1).numbers[0]), (25, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_are_told_when_lines_are_on_the_disk() {
    let mut central = Central::gone(None).await;
    let host = Host::new(&central);
    let agent = host.open().await;
    // A disk without room.
    let first = host.path("spool/0000000000000001.frames");
    std::os::unix::fs::symlink("/dev/full", &first).unwrap();
    let (receipt, durable) = Receipt::wanted();
    let mut running = Running::start(agent, |tasks, out, stop| {
        tasks.spawn(async move {
            out.send(stream(STREAM, 0, 5, receipt)).await.unwrap();
            out.send(stream(STREAM, 5, 5, Receipt::unwanted())).await.unwrap();
            stop.cancelled().await;
            Ok(())
        });
    });
    let Report::Spool(SpoolError::Write { path, .. }) = running.report().await else { panic!() };
    assert_eq!(path, first);
    let status = running.wait(|status| status.trouble.is_some()).await;
    assert!(status.waiting && status.trouble.unwrap().contains("No space left on device"));
    // There is room again.
    tokio::time::timeout(GUARD, durable).await.expect("it is told").expect("it was not dropped");
    assert!(central.account().count() == 0 && running.status.borrow().lines >= 5);
    central.come().await;
    check(&central, 0, 10).await;
    running.wait(|status| status.trouble.is_none() && status.sent == 10).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn central_is_trusted_and_trusts_by_certificates_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path(), "ours", SERVER_NAME, NAME).unwrap();
    let strangers = Certificates::write(folder.path(), "strangers", SERVER_NAME, NAME).unwrap();
    let mut central = Central::gone(Some(acceptor(&certificates))).await;
    central.want_token("right");
    central.come().await;
    let token = folder.path().join("token");
    fs::write(&token, "wrong\n").unwrap();
    let mut host = Host::new(&central);
    host.settings.central.url = agent::CentralUrl::parse(&format!("https://{}", central.address)).unwrap();
    host.settings.central.token = Token::File(token.clone());
    host.log("a.log", (0..10).map(logged));

    let tls = &mut host.settings.central.tls;
    (tls.ca_file, tls.server_name) = (Some(strangers.ca), Some(SERVER_NAME.to_owned()));
    let told = trouble(&host).await;
    assert!(told.contains("set the CA file"), "{told}");

    let tls = &mut host.settings.central.tls;
    (tls.ca_file, tls.server_name) = (Some(certificates.ca), None);
    let told = trouble(&host).await;
    assert!(told.contains("set the server name"), "{told}");

    host.settings.central.tls.server_name = Some(SERVER_NAME.to_owned());
    let told = trouble(&host).await;
    assert!(told.contains("client certificate"), "{told}");

    let tls = &mut host.settings.central.tls;
    tls.certificate_file = Some(certificates.client.certificate.clone());
    let told = trouble(&host).await;
    assert!(told.contains("name both files or none"), "{told}");

    let tls = &mut host.settings.central.tls;
    tls.key_file = Some(folder.path().join("nowhere"));
    let told = trouble(&host).await;
    assert!(told.contains("nowhere` for TLS; check the path"), "{told}");

    host.settings.central.tls.key_file = Some(certificates.client.key.clone());
    let told = trouble(&host).await;
    assert!(told.contains("answered 401") && told.contains("check the token"), "{told}");

    // A token is renewed without a restart, and nothing was lost meanwhile.
    let mut running = host.start(10).await;
    running.wait(|status| status.retries > 0).await;
    fs::write(&token, "right\n").unwrap();
    check(&central, 10, 10).await;
    running.stop().await;
}

/// What an agent complains of.
async fn trouble(host: &Host) -> String {
    let mut running = host.start(10).await;
    let status = running.wait(|status| status.trouble.is_some()).await;
    running.kill().await;
    status.trouble.unwrap()
}
