//! Small clouds in a notation of one event a line:
//! `seconds daemon@host LEVEL [R=x] [G=x] [anonymous] [user=x] [kind=n]… [sig=slug] [http=METHOD:path:status[:action]] | body`.
//! Letters and numbers stand for ids: `R=a` is a request id, `instance=1` an instance.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use model::{
    Context, Event, Exchange, Id, IdKind, LinkKind, Mark, Mention, Outcome, Role, Scope, Severity, Signature,
    SignatureMatch,
};
use model::{Source, TemplateId, Timestamp, Uuid};
use proptest::prelude::*;

use crate::{Answer, Baseline, Case, Correlator, Limits, Memory, belonging, judge};

fn id(kind: &str, name: &str) -> Id {
    let bytes = kind.bytes().chain([b'=']).chain(name.bytes());
    Id::Uuid(Uuid::from_u128(bytes.fold(7, |sum, byte| (sum * 257 + u128::from(byte)) & u128::MAX >> 8)))
}

/// slug → role, depth, mark, scope, explained by
fn signature(slug: &str) -> Arc<Signature> {
    let (role, depth, mark) = match slug {
        "no_ips" => (Role::Cause, 70, None),
        "bind_failed" => (Role::Cause, 75, None),
        "zone_unavailable" => (Role::Cause, 40, None),
        "libvirt_down" => (Role::Cause, 85, None),
        "build_failed" => (Role::Wrapper, 10, Some(Mark::AttemptFailed)),
        "error_state" => (Role::Wrapper, 5, Some(Mark::Failed)),
        "claimed" => (Role::Stage, 0, Some(Mark::Attempted)),
        "built" => (Role::Stage, 0, Some(Mark::Succeeded)),
        "destroyed" => (Role::Stage, 0, Some(Mark::Succeeded)),
        "in_error" => (Role::Symptom, 0, None),
        "chatter" => (Role::Noise, 0, None),
        _ => panic!("no such signature: {slug}"),
    };
    Arc::new(Signature {
        slug: slug.into(),
        role,
        depth,
        mark,
        scope: if slug == "libvirt_down" { Scope::Host } else { Scope::Request },
        action: match slug {
            "built" => Some("boot".into()),
            "destroyed" => Some("delete server".into()),
            _ => None,
        },
        explained_by: if slug == "zone_unavailable" { vec!["libvirt_down".into()] } else { Vec::new() },
        title: slug.into(),
        ..Signature::default()
    })
}

fn tier(daemon: &str) -> u8 {
    match daemon {
        "heat-engine" => 10,
        "nova-api" => 20,
        "nova-conductor" => 30,
        "nova-compute" => 50,
        "neutron-server" => 60,
        "neutron-agent" => 75,
        _ => 40,
    }
}

fn events(script: &str) -> Vec<Arc<Event>> {
    let mut sources: HashMap<String, Arc<Source>> = HashMap::new();
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.enumerate().map(|(at, line)| Arc::new(event(at as u64 + 1, line, &mut sources))).collect()
}

fn event(number: u64, line: &str, sources: &mut HashMap<String, Arc<Source>>) -> Event {
    let (head, body) = line.split_once(" | ").expect("a body after |");
    let mut words = head.split_whitespace();
    let seconds: f64 = words.next().and_then(|word| word.parse().ok()).expect("seconds");
    let place = words.next().expect("daemon@host");
    let (daemon, host) = place.split_once('@').expect("daemon@host");
    let source = sources
        .entry(place.into())
        .or_insert_with(|| Arc::new(Source { path: place.into(), ..Source::default() }));
    let mut event = Event {
        source: Arc::clone(source),
        line: number,
        end_line: number,
        timestamp: Some(Timestamp::from_nanos((seconds * 1e9) as i64)),
        severity: words.next().and_then(Severity::parse).expect("a level"),
        host: Some(host.into()),
        service: daemon.split('-').next().map(str::to_owned),
        daemon: Some(daemon.into()),
        tier: tier(daemon),
        body: body.into(),
        template: template(body),
        context: Context { user: Some("u".into()), ..Context::default() },
        ..Event::default()
    };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "R" => event.context.request = Some(id("request", value)),
            "G" => event.context.global = Some(id("request", value)),
            "anonymous" => event.context.anonymous = true,
            "user" => event.context.user = Some(value.into()),
            "sig" => event.signatures.push(SignatureMatch {
                signature: signature(value),
                captures: Vec::new(),
                at: 0,
            }),
            "http" => event.exchange = Some(exchange(value)),
            kind => event
                .mentions
                .push(Mention { kind: IdKind::parse(kind).expect("a kind"), id: id(kind, value) }),
        }
    }
    event
}

/// Words with a digit vary.
fn template(body: &str) -> TemplateId {
    let mut hasher = DefaultHasher::new();
    let constant = body.split_whitespace().filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit()));
    constant.for_each(|word| word.hash(&mut hasher));
    TemplateId(hasher.finish())
}

fn exchange(text: &str) -> Exchange {
    let mut parts = text.split(':');
    Exchange {
        method: parts.next().unwrap_or_default().into(),
        target: parts.next().unwrap_or_default().into(),
        status: parts.next().and_then(|status| status.parse().ok()),
        action: parts.next().map(str::to_owned),
        ..Exchange::default()
    }
}

fn ask(events: &[Arc<Event>], what: &Id) -> Option<Case> {
    let memory = Memory::default();
    for event in events {
        memory.insert(event);
    }
    let baseline = Baseline::default();
    let case = match judge(what, &memory, &baseline) {
        Answer::Found(case) => Some(*case),
        Answer::NotFound | Answer::ProcessId => None,
    };
    let entries = case.iter().flat_map(|case| &case.trace.entries);
    let own = entries.filter(|entry| entry.link.kind < LinkKind::Predecessor);
    let own: Vec<_> = own.map(|entry| entry.event.body.clone()).collect();
    let belonging: Vec<_> =
        belonging(what, &memory, || &baseline).iter().map(|event| event.body.clone()).collect();
    assert_eq!(belonging, own, "what belongs to {what}");
    case
}

/// `expected`: outcome, and the body of the cause.
fn check(script: &str, what: (&str, &str), expected: (Outcome, Option<&str>)) {
    let case = ask(&events(script), &id(what.0, what.1)).expect("the id is there");
    let cause = case.verdict.cause().map(|cause| cause.event.body.as_str());
    assert_eq!((case.verdict.outcome, cause), expected, "{:#?}", case.verdict);
}

const BOOT: &str = "
    1.0 nova-api@ctl INFO R=a http=POST:/v2.1/servers:202:boot | accepted
    1.5 nova-compute@c1 INFO R=a instance=1 sig=claimed | Claim successful
    2.0 neutron-server@ctl INFO G=a R=n1 port=1 http=POST:/v2.0/ports:201 | created
    2.5 neutron-server@ctl ERROR R=n1 port=1 sig=bind_failed | Failed to bind port
    3.0 nova-compute@c1 ERROR R=a instance=1 sig=build_failed | Instance failed to spawn
    3.5 nova-conductor@ctl WARNING R=a instance=1 sig=error_state | Setting instance to ERROR state
    3.7 nova-compute@c1 INFO R=a instance=1 sig=destroyed | Took 0.1 seconds to destroy";

#[test]
fn the_callee_that_lost_the_global_id_is_the_cause() {
    check(BOOT, ("request", "a"), (Outcome::Failed, Some("Failed to bind port")));
    check(BOOT, ("instance", "1"), (Outcome::Failed, Some("Failed to bind port")));
    check(BOOT, ("port", "1"), (Outcome::Failed, Some("Failed to bind port")));
}

#[test]
fn an_attempt_that_failed_is_no_failure_when_the_next_succeeds() {
    let script = "
        1.0 nova-api@ctl INFO R=a http=POST:/v2.1/servers:202:boot | accepted
        1.5 nova-compute@c1 INFO R=a instance=1 sig=claimed | Claim successful
        2.0 nova-compute@c1 ERROR R=a instance=1 sig=build_failed | Instance failed to spawn
        3.0 nova-compute@c2 INFO R=a instance=1 sig=claimed | Claim successful
        9.0 nova-compute@c2 INFO R=a instance=1 sig=built | Took 6 seconds to build";
    check(script, ("request", "a"), (Outcome::Succeeded, None));
    let case = ask(&events(script), &id("request", "a")).expect("found");
    let attempts: Vec<_> =
        case.trace.attempts.iter().map(|attempt| (attempt.host.as_str(), attempt.outcome)).collect();
    assert_eq!(attempts, [("c1", Outcome::Failed), ("c2", Outcome::Succeeded)]);
}

#[test]
fn a_failure_that_nobody_explained_stays_unexplained() {
    let script = "
        1.0 neutron-server@ctl INFO R=a http=POST:/v2.0/floatingips:409:create-floating-ip | conflict
        1.0 neutron-server@ctl INFO R=b http=POST:/v2.0/ports:201:create-port | fine";
    check(script, ("request", "a"), (Outcome::Failed, None));
    let case = ask(&events(script), &id("request", "a")).expect("found");
    assert!(case.verdict.missing.is_some());
}

#[test]
fn other_peoples_requests_on_the_same_resource_stay_out() {
    let script = format!(
        "{BOOT}
        2.7 nova-api@ctl INFO R=poll instance=1 http=GET:/v2.1/servers/1:500 | poll failed
        2.8 nova-compute@c1 ERROR R=other instance=1 | an error of another request"
    );
    let case = ask(&events(&script), &id("request", "a")).expect("found");
    assert!(
        case.trace
            .entries
            .iter()
            .all(|entry| !entry.event.body.contains("another") && !entry.event.body.contains("poll"))
    );
}

#[test]
fn nothing_is_joined_through_a_process_id() {
    let script = "
        1.0 neutron-agent@c1 INFO R=p anonymous port=1 | Port updated
        90.0 neutron-agent@c1 ERROR R=p anonymous port=2 | Error in agent loop";
    let memory = Memory::default();
    events(script).iter().for_each(|event| memory.insert(event));
    assert!(matches!(judge(&id("request", "p"), &memory, &Baseline::default()), Answer::ProcessId));
    let case = ask(&events(script), &id("port", "2")).expect("found");
    assert!(case.trace.entries.iter().all(|entry| entry.event.body != "Port updated"));
}

#[test]
fn a_known_misleading_answer_gives_way_to_the_fault_that_explains_it() {
    let refused = "100.0 nova-api@ctl INFO R=a sig=zone_unavailable | zone not available
        100.1 nova-api@ctl INFO R=a http=POST:/v2.1/servers:400:boot | refused";
    check(refused, ("request", "a"), (Outcome::Failed, Some("zone not available")));
    let with_fault = format!(
        "60.0 nova-compute@c1 INFO R=p anonymous sig=libvirt_down | Connection to libvirt lost\n{refused}"
    );
    check(&with_fault, ("request", "a"), (Outcome::Failed, Some("Connection to libvirt lost")));
}

#[test]
fn a_request_refused_for_an_earlier_failure_is_explained_by_it() {
    let script = format!(
        "{BOOT}
        60.0 nova-api@ctl INFO R=b instance=1 sig=in_error | while it is in vm_state error
        60.1 nova-api@ctl INFO R=b instance=1 http=POST:/v2.1/servers/1/action:409:attach | refused"
    );
    check(&script, ("request", "b"), (Outcome::Failed, Some("Failed to bind port")));
}

#[test]
fn what_healthy_requests_print_too_is_no_cause() {
    let script = "
        1.0 nova-api@ctl INFO R=a http=POST:/v2.1/servers:202:boot | accepted
        2.0 nova-conductor@ctl ERROR R=a | scary but harmless
        2.1 nova-compute@c1 ERROR R=a instance=1 | the real one
        3.5 nova-conductor@ctl WARNING R=a instance=1 sig=error_state | Setting instance to ERROR state";
    let memory = Memory::default();
    let all = events(script);
    all.iter().for_each(|event| memory.insert(event));
    let mut baseline = Baseline::default();
    baseline.learn(all.iter().filter(|event| event.body.contains("harmless")));
    let Answer::Found(case) = judge(&id("request", "a"), &memory, &baseline) else { panic!("not found") };
    assert_eq!(case.verdict.cause().map(|cause| cause.event.body.as_str()), Some("the real one"));
    assert!(
        case.verdict
            .candidates
            .iter()
            .all(|candidate| candidate.event.body != "scary but harmless" || candidate.score < 20.0)
    );
}

/// All that an answer says, as text.
fn told(case: &Case) -> String {
    format!("{:?}\n{:?}\n{:?}\n{:?}", case.trace.request, case.trace.spans, case.trace.attempts, case.verdict)
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let script = format!("{BOOT}\n2.6 neutron-agent@c1 ERROR R=p anonymous port=1 | agent error\n2.7 nova-api@ctl INFO R=poll http=GET:/v2.1/servers:200 | poll");
        let all = events(&script);
        let shuffled: Vec<_> = order.iter().map(|at| Arc::clone(&all[*at])).collect();
        let expected = ask(&all, &id("request", "a")).expect("found");
        let found = ask(&shuffled, &id("request", "a")).expect("found");
        prop_assert_eq!(told(&expected), told(&found));
    }

    #[test]
    fn the_stream_gives_the_same_answer_in_any_order_and_any_batches(
        order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
        size in 1..7_usize,
    ) {
        let all = events(BOOT);
        let mut correlator = Correlator::new(Limits::default());
        let mut cases = Vec::new();
        for batch in order.chunks(size) {
            cases.extend(correlator.push(batch.iter().map(|at| Arc::clone(&all[*at]))));
        }
        cases.extend(correlator.finish());
        let expected = ask(&all, &id("request", "a")).expect("found");
        prop_assert_eq!(cases.len(), 1);
        prop_assert_eq!(told(&expected), told(&cases[0]));
    }
}

#[test]
fn the_stream_forgets_what_is_old() {
    let limits = Limits { most_events: 10, ..Limits::default() };
    let mut correlator = Correlator::new(limits);
    for at in 0..1_000 {
        let script = format!("{at} nova-api@ctl INFO R=r{at} http=POST:/v2.1/servers:202:boot | accepted");
        correlator.push(events(&script));
    }
    assert!(correlator.kept() <= 10);
    assert!(correlator.finish().len() <= 61 + 1);
}
