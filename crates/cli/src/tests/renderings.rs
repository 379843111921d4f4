use anstream::adapter::strip_str;
use expect_test::{Expect, expect};
use model::Outcome;

use super::sample::{self, PIPE, TERMINAL};
use crate::json;
use crate::render::{Layout, filters, import, lines, requests, trace, why};

/// Without colours, as a pipe gets it.
fn plain(text: &str, expected: Expect) {
    expected.assert_eq(&strip_str(text).to_string());
}

/// With colours; `␛` stands for the escape character.
fn coloured(text: &str, expected: Expect) {
    expected.assert_eq(&text.replace('\x1b', "␛"));
}

#[test]
fn a_failure_is_explained() {
    plain(
        &why::why(&sample::failed(), PIPE),
        expect![[r#"
            FAILED  boot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2 hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

            cause   neutron.ip_exhausted                                             confidence 0.97
                    No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.
                    neutron-server@controller  controller/neutron/neutron-server.log:16507  02:11:31.208
                    Every address in the allocation pools of the network's subnets is taken, so the port could
                    not be made.

            shown to the user as   "No valid host was found. There are not enough hosts available."
            how it got there       neutron-server@controller: No more IP addresses available on network
                                   9d1e77aa-0000-4000-8000-000000000001.
                                   → nova-compute@compute-03: Instance failed network setup after 1 attempt(s)
                                   → nova-conductor@controller: No valid host was found. There are not enough
                                     hosts available.
            why we think so        +64   known cause: the network has no free address
                                   −3    tied by a resource of the request

            do      Free addresses or add a subnet:
                      openstack port list --network 9d1e77aa-0000-4000-8000-000000000001
                      openstack subnet create --network 9d1e77aa-0000-4000-8000-000000000001 --subnet-range {range} more

            tries   compute-03  failed      02:11:11.500  21.4 s  4f3a5566-7a10-4c11-8d35-0123456789ab
                    compute-01  failed      02:11:34.000  13.0 s  4f3a5566-7a10-4c11-8d35-0123456789ab

            also possible
                    0.21  Instance failed network setup after 1 attempt(s)  compute-03/nova/nova-compute.log:812
        "#]],
    );
    coloured(
        &why::why(&sample::failed(), PIPE),
        expect![[r#"
            ␛[1m␛[31mFAILED␛[0m  ␛[1mboot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2 hosts␛[0m
                    ␛[2mrequest␛[0m   ␛[2mreq-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21␛[0m
                    ␛[2minstance␛[0m  ␛[2m4f3a5566-7a10-4c11-8d35-0123456789ab␛[0m
                    ␛[2muser␛[0m      ␛[2m5eb98cbb4c0f493c840027eb567282cc␛[0m

            ␛[1mcause␛[0m   ␛[1m␛[31mneutron.ip_exhausted␛[0m                                             ␛[2mconfidence 0.97␛[0m
                    ␛[1m␛[31mNo more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.␛[0m
                    neutron-server@controller  ␛[36mcontroller/neutron/neutron-server.log:16507␛[0m  02:11:31.208
                    Every address in the allocation pools of the network's subnets is taken, so the port could
                    not be made.

            ␛[1mshown to the user as␛[0m   "No valid host was found. There are not enough hosts available."
            ␛[1mhow it got there␛[0m       neutron-server@controller: No more IP addresses available on network
                                   9d1e77aa-0000-4000-8000-000000000001.
                                   ␛[2m→ ␛[0mnova-compute@compute-03: Instance failed network setup after 1 attempt(s)
                                   ␛[2m→ ␛[0mnova-conductor@controller: No valid host was found. There are not enough
                                     hosts available.
            ␛[1mwhy we think so␛[0m        ␛[2m+64   ␛[0mknown cause: the network has no free address
                                   ␛[2m−3    ␛[0mtied by a resource of the request

            ␛[1mdo␛[0m      ␛[32mFree addresses or add a subnet:␛[0m
                    ␛[32m  openstack port list --network 9d1e77aa-0000-4000-8000-000000000001␛[0m
                    ␛[32m  openstack subnet create --network 9d1e77aa-0000-4000-8000-000000000001 --subnet-range {range} more␛[0m

            ␛[1mtries␛[0m   compute-03  ␛[31mfailed␛[0m      02:11:11.500  21.4 s  ␛[2m4f3a5566-7a10-4c11-8d35-0123456789ab␛[0m
                    compute-01  ␛[31mfailed␛[0m      02:11:34.000  13.0 s  ␛[2m4f3a5566-7a10-4c11-8d35-0123456789ab␛[0m

            ␛[1malso possible␛[0m
                    ␛[2m0.21  ␛[0mInstance failed network setup after 1 attempt(s)  ␛[36mcompute-03/nova/nova-compute.log:812␛[0m
        "#]],
    );
    plain(
        &why::why(&sample::failed(), Layout { width: 60, ascii: true, ..TERMINAL }),
        expect![[r#"
            FAILED  boot of 4f3a5566~, 2026-11-21 02:11:09 -> 02:11:48
                    UTC (39.1 s), 3 lines, 3 services, 2 hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

            cause   neutron.ip_exhausted                 confidence 0.97
                    No more IP addresses available on network
                    9d1e77aa-0000-4000-8000-000000000001.
                    neutron-server@controller  controller/neutron/neutron-server.log:16507  02:11:31.208
                    Every address in the allocation pools of the
                    network's subnets is taken, so the port could not be
                    made.

            shown to the user as   "No valid host was found. There are
                                   not enough hosts available."
            how it got there       neutron-server@controller: No more IP
                                   addresses available on network
                                   9d1e77aa-0000-4000-8000-000000000001.
                                   -> nova-compute@compute-03: Instance
                                      failed network setup after 1
                                      attempt(s)
                                   -> nova-conductor@controller: No
                                      valid host was found. There are
                                      not enough hosts available.
            why we think so        +64   known cause: the network has no
                                         free address
                                   -3    tied by a resource of the
                                         request

            do      Free addresses or add a subnet:
                      openstack port list --network 9d1e77aa-0000-4000-8000-000000000001
                      openstack subnet create --network 9d1e77aa-0000-4000-8000-000000000001 --subnet-range {range} more

            tries   compute-03  failed      02:11:11.500  21.4 s  4f3a5566-7a10-4c11-8d35-0123456789ab
                    compute-01  failed      02:11:34.000  13.0 s  4f3a5566-7a10-4c11-8d35-0123456789ab

            also possible
                    0.21  Instance failed network setup after 1 attempt~  compute-03/nova/nova-compute.log:812
        "#]],
    );
}

#[test]
fn a_failure_that_nobody_logged_is_said_to_be_one() {
    plain(
        &why::why(&sample::not_logged(), PIPE),
        expect![[r#"
            FAILED  boot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2 hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

            cause   not in the logs
                    look in  the log of nova-scheduler on controller at DEBUG (debug = True)
                    because  all that is logged is "No valid host was found.", which names no reason

            shown to the user as   "No valid host was found. There are not enough hosts available."

            tries   compute-03  failed      02:11:11.500  21.4 s  4f3a5566-7a10-4c11-8d35-0123456789ab
                    compute-01  failed      02:11:34.000  13.0 s  4f3a5566-7a10-4c11-8d35-0123456789ab

            weak hints
                    0.21  Instance failed network setup after 1 attempt(s)  compute-03/nova/nova-compute.log:812
        "#]],
    );
}

#[test]
fn a_success_names_no_cause() {
    plain(
        &why::why(&sample::ended(Outcome::Succeeded), PIPE),
        expect![[r#"
            SUCCEEDED  boot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2
                       hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

                    No cause to name: the request succeeded. It recovered from 2 errors on the way.
        "#]],
    );
}

#[test]
fn an_open_end_shows_the_last_line() {
    plain(
        &why::why(&sample::ended(Outcome::Unfinished), PIPE),
        expect![[r#"
            UNFINISHED  boot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2
                        hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

                    No line tells how it ended.
                    last line  No valid host was found. There are not enough hosts available.
                    nova-conductor@controller  controller/nova/nova-conductor.log:99  02:11:48.120
        "#]],
    );
}

#[test]
fn a_trace_is_a_waterfall() {
    plain(
        &trace::trace(&sample::failed(), PIPE),
        expect![[r#"
            FAILED  boot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2 hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

                                                                              0                           39.1 s
            nova-api@controller POST /v2.1/servers                     1.2 s ▕█                                ▏
            └─ ✗ nova-conductor@controller                            38.1 s ▕▐████████████████████████████████▏
               ├─ ✗ nova-compute@compute-03                           21.4 s ▕  ██████████████████▏            ▏
               │  └─ ✗ neutron-server@controller POST /v2.0/ports     210 ms ▕                  ▎              ▏
               │     ▲ cause 02:11:31.208  No more IP addresses available on network
               │                           9d1e77aa-0000-4000-8000-000000000001.
               └─ ✗ nova-compute@compute-01                           13.0 s ▕                     ███████████ ▏

            █ at work   ✗ an error was logged or answered
            ▲ cause controller/neutron/neutron-server.log:16507
        "#]],
    );
    plain(
        &trace::trace(&sample::failed(), Layout { width: 80, ascii: true, ..TERMINAL }),
        expect![[r#"
            FAILED  boot of 4f3a5566~, 2026-11-21 02:11:09 -> 02:11:48 UTC (39.1 s), 3
                    lines, 3 services, 2 hosts
                    request   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
                    instance  4f3a5566-7a10-4c11-8d35-0123456789ab
                    user      5eb98cbb4c0f493c840027eb567282cc

                                                                      0               39.1 s
            nova-api@controller POST /v2.1/servers             1.2 s [=                    ]
            `- x nova-conductor@controller                    38.1 s [=====================]
               |- x nova-compute@compute-03                   21.4 s [ ============        ]
               |  `- x neutron-server@controller POST /v~     210 ms [           =         ]
               |     ^ cause 02:11:31.208  No more IP addresses available on network
               |                           9d1e77aa-0000-4000-8000-000000000001.
               `- x nova-compute@compute-01                   13.0 s [             ========]

            = at work   x an error was logged or answered
            ^ cause controller/neutron/neutron-server.log:16507
        "#]],
    );
    coloured(
        &trace::trace(&sample::failed(), PIPE),
        expect![[r#"
            ␛[1m␛[31mFAILED␛[0m  ␛[1mboot of 4f3a5566…, 2026-11-21 02:11:09 → 02:11:48 UTC (39.1 s), 3 lines, 3 services, 2 hosts␛[0m
                    ␛[2mrequest␛[0m   ␛[2mreq-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21␛[0m
                    ␛[2minstance␛[0m  ␛[2m4f3a5566-7a10-4c11-8d35-0123456789ab␛[0m
                    ␛[2muser␛[0m      ␛[2m5eb98cbb4c0f493c840027eb567282cc␛[0m

                                                                              ␛[2m0␛[0m                           ␛[2m39.1 s␛[0m
            ␛[1mnova-api@controller␛[0m POST /v2.1/servers                     ␛[2m1.2 s␛[0m ␛[2m▕␛[0m█                                ␛[2m▏␛[0m
            ␛[2m└─ ␛[0m␛[1m␛[31m✗ ␛[0m␛[31mnova-conductor@controller␛[0m                            ␛[2m38.1 s␛[0m ␛[2m▕␛[0m␛[31m▐████████████████████████████████␛[0m␛[2m▏␛[0m
            ␛[2m   ├─ ␛[0m␛[1m␛[31m✗ ␛[0m␛[31mnova-compute@compute-03␛[0m                           ␛[2m21.4 s␛[0m ␛[2m▕␛[0m␛[31m  ██████████████████▏            ␛[0m␛[2m▏␛[0m
            ␛[2m   │  └─ ␛[0m␛[1m␛[31m✗ ␛[0m␛[31mneutron-server@controller␛[0m POST /v2.0/ports     ␛[2m210 ms␛[0m ␛[2m▕␛[0m␛[31m                  ▎              ␛[0m␛[2m▏␛[0m
            ␛[2m   │     ␛[0m␛[1m␛[31m▲ cause ␛[0m02:11:31.208  ␛[1m␛[31mNo more IP addresses available on network␛[0m
            ␛[2m   │     ␛[0m                      ␛[1m␛[31m9d1e77aa-0000-4000-8000-000000000001.␛[0m
            ␛[2m   └─ ␛[0m␛[1m␛[31m✗ ␛[0m␛[31mnova-compute@compute-01␛[0m                           ␛[2m13.0 s␛[0m ␛[2m▕␛[0m␛[31m                     ███████████ ␛[0m␛[2m▏␛[0m

            ␛[2m█ at work␛[0m␛[2m   ✗ an error was logged or answered␛[0m
            ␛[1m␛[31m▲ cause ␛[0m␛[36mcontroller/neutron/neutron-server.log:16507␛[0m
        "#]],
    );
}

#[test]
fn lines_are_merged_and_their_surroundings_dimmed() {
    plain(
        &lines::lines(&sample::passages(), PIPE),
        expect![[r#"
        2026-11-21 02:11:32.900 INFO     nova-compute@compute-03 compute-03/nova/nova-compute.log:811  Claim successful
        2026-11-21 02:11:32.900 ERROR    nova-compute@compute-03 compute-03/nova/nova-compute.log:812  Instance failed network setup after 1 attempt(s)
            Traceback (most recent call last):
            PortLimitExceeded: Maximum number of ports exceeded
    "#]],
    );
    coloured(
        &lines::lines(&sample::passages(), PIPE),
        expect![[r#"
        ␛[2m2026-11-21 02:11:32.900␛[0m ␛[2mINFO    ␛[0m ␛[2mnova-compute@compute-03␛[0m ␛[2mcompute-03/nova/nova-compute.log:811␛[0m  ␛[2mClaim successful␛[0m
        ␛[2m2026-11-21 02:11:32.900␛[0m ␛[31mERROR   ␛[0m nova-compute@compute-03 ␛[36mcompute-03/nova/nova-compute.log:812␛[0m  ␛[31mInstance failed network setup after 1 attempt(s)␛[0m
            Traceback (most recent call last):
            PortLimitExceeded: Maximum number of ports exceeded
    "#]],
    );
}

#[test]
fn requests_are_a_table() {
    plain(
        &requests::requests(&sample::summaries(), PIPE),
        expect![[r#"
        TIME (UTC)           OUTCOME    ACTION         TOOK    REQUEST                                   INSTANCE                              USER                              CAUSE
        2026-11-21 02:11:09  failed     boot           39.1 s  req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  4f3a5566-7a10-4c11-8d35-0123456789ab  5eb98cbb4c0f493c840027eb567282cc  neutron.ip_exhausted
        2026-11-21 02:11:09  succeeded  attach volume  1.5 s   req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  -                                     5eb98cbb4c0f493c840027eb567282cc  -
    "#]],
    );
    plain(
        &requests::requests(&sample::summaries(), TERMINAL),
        expect![[r#"
            TIME (UTC)           OUTCOME    ACTION         REQUEST                                   CAUSE
            2026-11-21 02:11:09  failed     boot           req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  neutron.ip_exhausted
            2026-11-21 02:11:09  succeeded  attach volume  req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  -
        "#]],
    );
    coloured(
        &requests::requests(&sample::summaries(), TERMINAL),
        expect![[r#"
            ␛[1mTIME (UTC)␛[0m           ␛[1mOUTCOME␛[0m    ␛[1mACTION␛[0m         ␛[1mREQUEST␛[0m                                   ␛[1mCAUSE␛[0m
            2026-11-21 02:11:09  ␛[31mfailed␛[0m     boot           req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  ␛[31mneutron.ip_exhausted␛[0m
            2026-11-21 02:11:09  ␛[32msucceeded␛[0m  attach volume  req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21  ␛[32m-␛[0m
        "#]],
    );
}

#[test]
fn an_import_is_summed_up() {
    plain(
        &import::import(&sample::report(), PIPE),
        expect![[r#"
        imported   2 files, 1 unchanged, 2 skipped
        lines      185,420, 5,420 of them new   34.1 MB in 910 ms, 37.5 MB/s
        formats    99.98 % of the lines have a known format
                        181,300  oslo
                          4,100  libvirt
                             20  plain
        oddities              3  unreadable time, first at controller/nova/nova-api.log:12
                                 2026-13-41 99:11:32.900 7 INFO nova.compute.manager
        skipped    /var/log/secret.log: permission denied
                     run the import as a user that may read it
                   logo.png: not text
    "#]],
    );
    coloured(
        &import::import(&sample::report(), PIPE),
        expect![[r#"
        ␛[1m␛[32mimported␛[0m   2 files, 1 unchanged, 2 skipped
        ␛[1mlines␛[0m      185,420, 5,420 of them new␛[2m   34.1 MB in 910 ms, 37.5 MB/s␛[0m
        ␛[1mformats␛[0m    99.98 % of the lines have a known format
                   ␛[2m     181,300  ␛[0moslo
                   ␛[2m       4,100  ␛[0mlibvirt
                   ␛[2m          20  ␛[0m␛[33mplain␛[0m
        ␛[1moddities␛[0m   ␛[2m           3  ␛[0m␛[33munreadable time␛[0m, first at ␛[36mcontroller/nova/nova-api.log:12␛[0m
                                 ␛[2m2026-13-41 99:11:32.900 7 INFO nova.compute.manager␛[0m
        ␛[1mskipped␛[0m    ␛[36m/var/log/secret.log␛[0m: ␛[31mpermission denied␛[0m
                     ␛[2mrun the import as a user that may read it␛[0m
                   ␛[36mlogo.png␛[0m: not text
    "#]],
    );
}

#[test]
fn findings_name_file_and_line() {
    plain(
        &filters::filters(&sample::findings(), PIPE),
        expect![[r#"
        ours.toml:7: signature `our.disk_full` does not match its sample `No space left`
        bad   128 signatures, 1 entry needs a change
    "#]],
    );
}

#[test]
fn json_is_one_object_a_row() {
    plain(
        &json::why("4f3a", &sample::failed()).unwrap(),
        expect![[r#"
            {"outcome":"failed","id":"4f3a","request":{"id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","action":"boot","user":"5eb98cbb4c0f493c840027eb567282cc","project":null,"status":202,"resources":[{"kind":"instance","id":"4f3a5566-7a10-4c11-8d35-0123456789ab"}],"start":"2026-11-21T02:11:09.000Z","end":"2026-11-21T02:11:48.120Z","seconds":39.12},"cause":{"file":"controller/neutron/neutron-server.log","line":16507,"end_line":16507,"text":"No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.","service":"neutron-server","host":"controller","timestamp":"2026-11-21T02:11:31.208Z","severity":"ERROR","slug":"neutron.ip_exhausted","role":"cause","title":"the network has no free address","confidence":0.97,"link":{"kind":"global","confidence":1.0,"via":null},"reasons":[{"text":"known cause: the network has no free address","weight":64.0},{"text":"tied by a resource of the request","weight":-3.0}],"explanation":"Every address in the allocation pools of the network's subnets is taken, so the port could not be made.","remedy":"Free addresses or add a subnet:\n  openstack port list --network 9d1e77aa-0000-4000-8000-000000000001\n  openstack subnet create --network 9d1e77aa-0000-4000-8000-000000000001 --subnet-range {range} more"},"candidates":[{"file":"controller/neutron/neutron-server.log","line":16507,"end_line":16507,"text":"No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.","service":"neutron-server","host":"controller","timestamp":"2026-11-21T02:11:31.208Z","severity":"ERROR","slug":"neutron.ip_exhausted","role":"cause","title":"the network has no free address","confidence":0.97,"link":{"kind":"global","confidence":1.0,"via":null},"reasons":[{"text":"known cause: the network has no free address","weight":64.0},{"text":"tied by a resource of the request","weight":-3.0}],"explanation":"Every address in the allocation pools of the network's subnets is taken, so the port could not be made.","remedy":"Free addresses or add a subnet:\n  openstack port list --network 9d1e77aa-0000-4000-8000-000000000001\n  openstack subnet create --network 9d1e77aa-0000-4000-8000-000000000001 --subnet-range {range} more"},{"file":"compute-03/nova/nova-compute.log","line":812,"end_line":812,"text":"Instance failed network setup after 1 attempt(s)","service":"nova-compute","host":"compute-03","timestamp":"2026-11-21T02:11:32.900Z","severity":"ERROR","slug":null,"role":null,"title":null,"confidence":0.21,"link":{"kind":"global","confidence":1.0,"via":null},"reasons":[{"text":"known cause: the network has no free address","weight":64.0},{"text":"tied by a resource of the request","weight":-3.0}],"explanation":null,"remedy":null}],"shown":"No valid host was found. There are not enough hosts available.","path":[{"service":"neutron-server","host":"controller","file":"controller/neutron/neutron-server.log","line":16507,"timestamp":"2026-11-21T02:11:31.208Z","text":"No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001."},{"service":"nova-compute","host":"compute-03","file":"compute-03/nova/nova-compute.log","line":812,"timestamp":"2026-11-21T02:11:32.900Z","text":"Instance failed network setup after 1 attempt(s)"},{"service":"nova-conductor","host":"controller","file":"controller/nova/nova-conductor.log","line":99,"timestamp":"2026-11-21T02:11:48.120Z","text":"No valid host was found. There are not enough hosts available."}],"attempts":[{"instance":"4f3a5566-7a10-4c11-8d35-0123456789ab","host":"compute-03","outcome":"failed","start":"2026-11-21T02:11:11.500Z","end":"2026-11-21T02:11:32.900Z"},{"instance":"4f3a5566-7a10-4c11-8d35-0123456789ab","host":"compute-01","outcome":"failed","start":"2026-11-21T02:11:34.000Z","end":"2026-11-21T02:11:47.000Z"}],"missing":null,"spans":5,"entries":3}
        "#]],
    );
    plain(
        &json::why("4f3a", &sample::not_logged()).unwrap(),
        expect![[r#"
            {"outcome":"failed","id":"4f3a","request":{"id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","action":"boot","user":"5eb98cbb4c0f493c840027eb567282cc","project":null,"status":202,"resources":[{"kind":"instance","id":"4f3a5566-7a10-4c11-8d35-0123456789ab"}],"start":"2026-11-21T02:11:09.000Z","end":"2026-11-21T02:11:48.120Z","seconds":39.12},"cause":null,"candidates":[{"file":"compute-03/nova/nova-compute.log","line":812,"end_line":812,"text":"Instance failed network setup after 1 attempt(s)","service":"nova-compute","host":"compute-03","timestamp":"2026-11-21T02:11:32.900Z","severity":"ERROR","slug":null,"role":null,"title":null,"confidence":0.21,"link":{"kind":"global","confidence":1.0,"via":null},"reasons":[{"text":"known cause: the network has no free address","weight":64.0},{"text":"tied by a resource of the request","weight":-3.0}],"explanation":null,"remedy":null}],"shown":"No valid host was found. There are not enough hosts available.","path":[],"attempts":[{"instance":"4f3a5566-7a10-4c11-8d35-0123456789ab","host":"compute-03","outcome":"failed","start":"2026-11-21T02:11:11.500Z","end":"2026-11-21T02:11:32.900Z"},{"instance":"4f3a5566-7a10-4c11-8d35-0123456789ab","host":"compute-01","outcome":"failed","start":"2026-11-21T02:11:34.000Z","end":"2026-11-21T02:11:47.000Z"}],"missing":{"look_in":"the log of nova-scheduler on controller at DEBUG (debug = True)","because":"all that is logged is \"No valid host was found.\", which names no reason"},"spans":5,"entries":3}
        "#]],
    );
    plain(
        &json::not_found("4f3a").unwrap(),
        expect![[r#"
        {"outcome":"not_found","id":"4f3a","request":null,"cause":null,"candidates":[],"shown":null,"path":[],"attempts":[],"missing":null,"spans":0,"entries":0}
    "#]],
    );
    plain(
        &json::trace(&sample::failed()).unwrap(),
        expect![[r#"
        {"record":"trace","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","outcome":"failed","request":{"id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","action":"boot","user":"5eb98cbb4c0f493c840027eb567282cc","project":null,"status":202,"resources":[{"kind":"instance","id":"4f3a5566-7a10-4c11-8d35-0123456789ab"}],"start":"2026-11-21T02:11:09.000Z","end":"2026-11-21T02:11:48.120Z","seconds":39.12},"start_time_unix_nano":"1795227069000000000","end_time_unix_nano":"1795227108120000000","spans":5,"entries":3,"cause":{"span_id":"f342c12ac09d2bf2","file":"controller/neutron/neutron-server.log","line":16507,"slug":"neutron.ip_exhausted"}}
        {"record":"span","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"ca5003a89d73a61c","parent_span_id":null,"name":"POST /v2.1/servers","service.name":"nova-api","host.name":"controller","request_id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","start_time_unix_nano":"1795227069000000000","end_time_unix_nano":"1795227070200000000","status":"unset"}
        {"record":"span","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"76b72656292a4601","parent_span_id":"ca5003a89d73a61c","name":"nova-conductor","service.name":"nova-conductor","host.name":"controller","request_id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","start_time_unix_nano":"1795227070000000000","end_time_unix_nano":"1795227108120000000","status":"error"}
        {"record":"span","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"9de30878144affe2","parent_span_id":"76b72656292a4601","name":"nova-compute","service.name":"nova-compute","host.name":"compute-03","request_id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","start_time_unix_nano":"1795227071500000000","end_time_unix_nano":"1795227092900000000","status":"error"}
        {"record":"span","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"f342c12ac09d2bf2","parent_span_id":"9de30878144affe2","name":"POST /v2.0/ports","service.name":"neutron-server","host.name":"controller","request_id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","start_time_unix_nano":"1795227091000000000","end_time_unix_nano":"1795227091210000000","status":"error"}
        {"record":"span","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"aa6d75e01e9053e0","parent_span_id":"76b72656292a4601","name":"nova-compute","service.name":"nova-compute","host.name":"compute-01","request_id":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","start_time_unix_nano":"1795227094000000000","end_time_unix_nano":"1795227107000000000","status":"error"}
        {"record":"entry","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"f342c12ac09d2bf2","link":{"kind":"global","confidence":1.0,"via":null},"time_unix_nano":"1795227091208000000","severity_number":17,"severity_text":"ERROR","body":"No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.","resource":{"service.name":"neutron-server","service.namespace":null,"host.name":"controller"},"attributes":{"log.file.path":"controller/neutron/neutron-server.log","log.file.line":16507}}
        {"record":"entry","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"9de30878144affe2","link":{"kind":"request","confidence":1.0,"via":null},"time_unix_nano":"1795227092900000000","severity_number":17,"severity_text":"ERROR","body":"Instance failed network setup after 1 attempt(s)","resource":{"service.name":"nova-compute","service.namespace":null,"host.name":"compute-03"},"attributes":{"log.file.path":"compute-03/nova/nova-compute.log","log.file.line":812}}
        {"record":"entry","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","span_id":"76b72656292a4601","link":{"kind":"request","confidence":1.0,"via":null},"time_unix_nano":"1795227108120000000","severity_number":13,"severity_text":"WARNING","body":"No valid host was found. There are not enough hosts available.","resource":{"service.name":"nova-conductor","service.namespace":null,"host.name":"controller"},"attributes":{"log.file.path":"controller/nova/nova-conductor.log","log.file.line":99}}
    "#]],
    );
    plain(
        &json::passages(&sample::passages()).unwrap(),
        expect![[r#"
        {"time_unix_nano":"1795227092900000000","severity_number":9,"severity_text":"INFO","body":"Claim successful","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","resource":{"service.name":"nova-compute","service.namespace":"nova","host.name":"compute-03"},"attributes":{"log.file.path":"compute-03/nova/nova-compute.log","log.file.line":811,"log.record.original":"2026-11-21 02:11:32.900 7 INFO Claim successful"},"matched":false}
        {"time_unix_nano":"1795227092900000000","severity_number":17,"severity_text":"ERROR","body":"Instance failed network setup after 1 attempt(s)","trace_id":"3f0c41de7a524a6e9a6b0c9d5a1f7e21","resource":{"service.name":"nova-compute","service.namespace":"nova","host.name":"compute-03"},"attributes":{"log.file.path":"compute-03/nova/nova-compute.log","log.file.line":812,"log.record.original":"2026-11-21 02:11:32.900 7 ERROR Instance failed network setup after 1 attempt(s)\nTraceback (most recent call last):\nPortLimitExceeded: Maximum number of ports exceeded"},"matched":true}
    "#]],
    );
    plain(
        &json::requests(&sample::summaries()).unwrap(),
        expect![[r#"
            {"request":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","action":"boot","outcome":"failed","instance":"4f3a5566-7a10-4c11-8d35-0123456789ab","user":"5eb98cbb4c0f493c840027eb567282cc","project":null,"start":"2026-11-21T02:11:09.000Z","end":"2026-11-21T02:11:48.120Z","seconds":39.12,"services":4,"hosts":3,"cause":{"slug":"neutron.ip_exhausted","text":"No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.","confidence":0.97,"host":"controller"},"cursor":"18e9ed81fae92200.3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21"}
            {"request":"req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21","action":"attach volume","outcome":"succeeded","instance":null,"user":"5eb98cbb4c0f493c840027eb567282cc","project":null,"start":"2026-11-21T02:11:09.000Z","end":"2026-11-21T02:11:10.500Z","seconds":1.5,"services":4,"hosts":3,"cause":null,"cursor":"18e9ed81fae92200.3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21"}
        "#]],
    );
    plain(
        &json::import(&sample::report()).unwrap(),
        expect![[r#"
        {"record":"file","path":"controller/nova/nova-api.log","unchanged":false,"lines":181320,"new_lines":1320,"formats":{"oslo":181300,"plain":20},"defects":[{"kind":"unreadable time","count":3,"line":12,"text":"2026-13-41 99:11:32.900 7 INFO nova.compute.manager"}]}
        {"record":"file","path":"compute-03/libvirt/libvirtd.log","unchanged":false,"lines":4100,"new_lines":4100,"formats":{"libvirt":4100},"defects":[]}
        {"record":"file","path":"old.log","unchanged":true,"lines":0,"new_lines":0,"formats":{},"defects":[]}
        {"record":"skipped","path":"/var/log/secret.log","reason":"permission denied","advice":"run the import as a user that may read it","failure":true}
        {"record":"skipped","path":"logo.png","reason":"not text","advice":"","failure":false}
        {"record":"total","files":3,"skipped":2,"lines":185420,"new_lines":5420,"bytes":34100000,"seconds":0.91,"interrupted":false}
    "#]],
    );
    plain(
        &json::filters(&sample::findings()).unwrap(),
        expect![[r#"
        {"file":"ours.toml","line":7,"what":"signature `our.disk_full` does not match its sample `No space left`"}
    "#]],
    );
}
