use proptest::prelude::*;

use super::{MAX_PATTERN, template, template_text};

fn check(bodies: &[&str], expected: &str) {
    for body in bodies {
        assert_eq!(template_text(body), expected, "{body}");
        assert_eq!(template(body, Some("a.logger")), template(bodies[0], Some("a.logger")), "{body}");
    }
}

fn differ(one: &str, other: &str) {
    assert_ne!(template_text(one), template_text(other));
    assert_ne!(template(one, None), template(other, None));
}

#[test]
fn lines_of_one_statement_are_one_template() {
    check(
        &[
            "[instance: 007765bf-b807-4193-95b0-0d911b429316] Claim successful on node compute-05",
            "[instance: f3eae4dc-9f4f-496f-af40-1c5a65e2a6bc] Claim successful on node compute-06",
        ],
        "[instance: <uuid>] Claim successful on node <name>",
    );
    check(
        &[
            "Security group member updated ['8c68f620-2a04-49e9-9104-615d5c4b063e']",
            "Security group member updated ['c4e3a749-ddab-4831-88f7-84d1d109a39f', 'f63c434a-fe3c-4891-b245-aa7841f73bb0']",
            "Security group member updated []",
        ],
        "Security group member updated <list>",
    );
    check(
        &[
            "[5dc3e0b0-fa40-499c-92d4-1a65965d1f19] Reconnected to AMQP server on 10.0.0.11:5672 via [amqp] client with port 51612.",
            "[75d1caa7-83c0-4044-983b-bbc7a7d0d223] Reconnected to AMQP server on 10.0.0.12:5672 via [amqp] client with port 40.",
        ],
        "[<uuid>] Reconnected to AMQP server on <ip>:<num> via [amqp] client with port <num>.",
    );
    check(
        &[
            "this function is not supported by the connection driver: 'mips' architecture is not supported by CPU driver",
            "this function is not supported by the connection driver: 'mips64' architecture is not supported by CPU driver",
        ],
        "this function is not supported by the connection driver: <name> architecture is not supported by CPU driver",
    );
    check(
        &[
            "Port tap4ee4b69c-df updated. Details: {'device': 'tap4ee4b69c-df', 'fixed_ips': [{'ip_address': '10.20.0.9'}]}",
            "Port tap31415926-53 updated. Details: {'device': 'tap31415926-53'}",
        ],
        "Port <name> updated. Details: <dict>",
    );
    check(
        &[
            "closing AMQP connection <0.4340.0> (10.0.0.11:59902 -> 10.0.0.11:5672 - nova-compute:12823:85e7cdca-8828-49fb-8241-8fa1e3066d02, vhost: '/', user: 'openstack')",
            "closing AMQP connection <0.99.1> (10.0.0.12:1 -> 10.0.0.11:5672 - neutron-server:12887:5e60201e-9422-4d5f-b392-fe38a42815b7, vhost: '/', user: 'openstack')",
        ],
        "closing AMQP connection <<version>> (<ip>:<num> -> <ip>:<num> - <name>, vhost: <path>, user: <name>)",
    );
    check(
        &[
            "No active binding found for port 2c99782f-4f get_port_binding_host /usr/lib/python3/dist-packages/neutron/plugins/ml2/db.py:270",
            "No active binding found for port 31415926-53 get_port_binding_host /opt/neutron/plugins/ml2/db.py:271",
        ],
        "No active binding found for port <name> get_port_binding_host <path>",
    );
    check(
        &[
            "[instance: 16bce024-8776-4124-82d7-f8d37db53c89] Took 0.46 seconds to deallocate network for instance.",
            "[instance: 323bda9e-031e-455e-a01c-4ae5e07c3d39] Took 12 seconds to deallocate network for instance.",
        ],
        "[instance: <uuid>] Took <num> seconds to deallocate network for instance.",
    );
    check(
        &[
            "Creating event network-changed:4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 for instance 5a8326a8-3c24-4241-891d-25187119e8c8 on compute-04",
        ],
        "Creating event network-changed:<uuid> for instance <uuid> on <name>",
    );
}

#[test]
fn what_varies_is_typed() {
    check(&["fa:16:3e:0a:0b:0c", "fa:16:3e:ff:0b:0c"], "<mac>");
    check(&["10.0.0.0/24", "10.0.0.1", "fe80::1", "2001:db8::/64"], "<ip>");
    check(&["from 2026-11-21 05:00:00 to", "from 2026-11-21T03:54:56Z to"], "from <time> to");
    check(&["Date: Sat, 21 Nov 2026 03:54:56 GMT", "Date: Mon, 2 Feb 2026 13:04:06 GMT"], "Date: <time> GMT");
    check(&["at http://10.0.0.11:8774/v2.1/servers?name=a,b&x=(1", "at https://nova/v2.1"], "at <url>");
    check(&["used 512.00MB of 64GB", "used 1KiB of 2.5TB"], "used <size> of <size>");
    check(&["state 4, 5, 6", "state 4"], "state <num>");
    check(&["a=1, b=None", "a=[1, 2], b='x y'", "a=, b=Foo(x=1)"], "a=<value>, b=<value>");
    check(&["Foo(1, 'a') failed", "Foo(name='b') failed"], "Foo(<arguments>) failed");
    check(&["u'a' and b\"c1\"", "'a' and 'd'"], "<name> and <name>");
    check(&["can't be", "can't be"], "can't be");
    check(&["0xdeadbeef 0b6e1f3a9c4d", "0x1 deadbee5"], "<hex>");
    check(&["IPv4 L3 attempt(s)"], "IPv4 L3 attempt(s)");
    check(
        &["neutron.plugins.ml2.common.exceptions.MechanismDriverError: x"],
        "neutron.plugins.ml2.common.exceptions.MechanismDriverError: x",
    );
}

#[test]
fn what_an_operator_tells_apart_stays_apart() {
    let port = "4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8";
    for (one, other) in [
        (
            r#"10.0.0.11 "GET /v2.1/servers HTTP/1.1" status: 200 len: 1893 time: 0.2477829"#,
            r#"10.0.0.11 "POST /v2.1/servers HTTP/1.1" status: 202 len: 733 time: 0.5"#,
        ),
        ("VM Started (Lifecycle Event)", "VM Stopped (Lifecycle Event)"),
        (
            "Creating event network-vif-plugged:4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 for instance x",
            "Creating event network-vif-unplugged:4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 for instance x",
        ),
        (
            "Failed to build and run instance: nova.exception.NoMoreFixedIps: No fixed IP addresses available for network: 3baa23ec-e899-4df5-8180-eeb3b207fa51",
            "Failed to build and run instance: nova.exception.PortBindingFailed: Binding failed for port 4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8, please check neutron logs for more information.",
        ),
        (
            "HTTP exception thrown: Quota exceeded for cores: Requested 1, but already used 20 of 20 cores",
            "HTTP exception thrown: Quota exceeded for ram: Requested 64, but already used 51200 of 51200 ram",
        ),
        (
            "AMQP server on 10.0.0.11:5672 is unreachable: [Errno 111] ECONNREFUSED. Trying again in 1 seconds.",
            "AMQP server on 10.0.0.11:5672 is unreachable: <RecoverableConnectionError: unknown error>. Trying again in 1 seconds.",
        ),
        ("Filter ComputeFilter returned 0 hosts", "Filter RamFilter returned 0 hosts"),
        (
            "Current status of the port 4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 is: BUILD; New status is: ACTIVE",
            "Current status of the port 4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 is: ACTIVE; New status is: DOWN",
        ),
        (
            "During sync_power_state the instance has a pending task (spawning). Skip.",
            "During sync_power_state the instance has a pending task (rebuilding). Skip.",
        ),
        (
            "Nova event matching [{'status': 'failed'}]: {'code': 422} returned with failed status",
            "Nova event matching ['req-1'] response: {'code': 200}",
        ),
        (
            "Failed to bind port 4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 on host compute-01",
            "Refusing to bind port 4ee4b69c-df9d-4bd5-8a4b-35884ad08fd8 to dead agent: {'id': 'x'}",
        ),
        ("[Errno 28] No space left on device", "[Errno 30] Read-only file system"),
        ("Deleting instance files /srv/a_del", "Deletion of /srv/a_del complete"),
    ] {
        differ(one, other);
    }
    let said = |logger| template(&format!("Port {port} not found"), Some(logger));
    assert_ne!(said("nova.network.neutron"), said("neutron.db"));
    // Both are the same statement of the WSGI server.
    let access = |logger| template(r#"10.0.0.11 "GET / HTTP/1.1" status: 200"#, Some(logger));
    assert_eq!(access("nova.metadata.wsgi.server"), access("nova.osapi_compute.wsgi.server"));
}

#[test]
fn ids_never_change() {
    let id = template("Took 0.46 seconds", Some("nova.compute.manager"));
    assert_eq!(id.to_string(), "32b24467a726a2c4");
}

#[test]
fn dumps_of_one_statement_are_one_template_whatever_their_length() {
    let dump = |keys: usize| format!("Device details: {{{}}}", "'key': 'value', ".repeat(keys));
    check(&[&dump(1), &dump(100), &dump(10_000)], "Device details: <dict>");
    assert!(template_text(&"word ".repeat(1000)).len() <= MAX_PATTERN);
}

proptest! {
    #[test]
    fn any_text_has_a_template(body in r#"([a-f0-9:./'"=(){}\[\], é-]|req-|HTTP/|Nov | Nov 2026|u'){0,40}"#) {
        let text = template_text(&body);
        prop_assert!(text.len() <= MAX_PATTERN + 2);
        prop_assert_eq!(template(&body, None), template(&body, None));
    }

    #[test]
    fn numbers_do_not_matter(one in 3_u64.., other in 3_u64..) {
        let body = |number| format!("slot {number}/{number} of host=a{number}: '{number}' at /dev/x{number}");
        prop_assert_eq!(template(&body(one), None), template(&body(other), None));
    }
}
