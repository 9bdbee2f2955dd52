//! Inventories as other tools write them, and what verification says.

use super::*;
use proptest::prelude::*;

fn items(format: Format, text: &str) -> Vec<String> {
    let one = |item: Item| match item {
        Ok(r) => {
            let place = [&r.region, &r.building, &r.room, &r.rack, &r.owner, &r.telephone];
            let place = place.map(|p| p.clone().unwrap_or_default()).join("|");
            let coordinates = r.coordinates.map_or_else(String::new, |c| format!(" at {c}"));
            let keys = [r.aliases, r.macs, r.ips].map(|keys| keys.join("+")).join(" ");
            format!("{} {}: {keys} {place}{coordinates}", r.origin, r.name)
        }
        Err(wrong) => {
            format!("{}{}", if wrong.whole_file { "END " } else { "" }, wrong.mistake)
        }
    };
    read(format, "i", text.as_bytes()).map(one).collect()
}

#[test]
fn an_export_of_netbox_is_read() {
    let text = "\u{feff}Name,Status,Tenant,Site,Location,Rack,Role,IPv4 Address,IPv6 Address,Latitude,Longitude\r\n\
                IS38.east.acme.com,active,Ops,B2,R14,A3,server,10.1.2.3/24,2001:DB8::3/64,52.52,13.405\r\n\
                node7,active,—,B2,,,client,,,,\r\n";
    assert_eq!(
        items(Format::Csv, text),
        [
            "i:2 is38.east.acme.com:   10.1.2.3+2001:db8::3 |B2|R14|A3|Ops| at 52.520000, 13.405000",
            "i:3 node7:    |B2||||"
        ]
    );
    let api =
        "id,name,site,location,rack_name,primary_ip4,primary_ip\n1,node7,B2,R14,A3,10.1.2.3/24,10.1.2.3/24\n";
    assert_eq!(items(Format::Csv, api), ["i:2 node7:   10.1.2.3 |B2|R14|A3||"]);
}

#[test]
fn an_export_of_glpi_is_read() {
    let text = "\"Name\";\"Entity\";\"Status\";\"Locations\";\"Network - IP\";\"Network - MAC address\";\"Alternate username\";\"Alternate username number\";\n\
                \"PC-0042\";\"Root\";\"In use\";\"EMEA > B2 > R14\";\"10.1.2.3\n10.1.2.4\";\"08-00-20-1A-2B-3C\";\"Jana \"\"J\"\" Groß\";\"+49 30 1\";\n\
                \"PC-0043\";\"Root\";\"In use\";\"B2 > R15\";\"\";\"\";\"\";\"\";\n";
    assert_eq!(
        items(Format::Csv, text),
        [
            "i:2 pc-0042:  08:00:20:1a:2b:3c 10.1.2.3+10.1.2.4 EMEA|B2|R14||Jana \"J\" Groß|+49 30 1",
            "i:4 pc-0043:    |B2|R15|||"
        ]
    );
}

#[test]
fn one_bad_row_voids_no_other_and_each_mistake_has_its_line() {
    let text = "name,mac,ip,latitude\nnode1,zz,10.1.2.300,\n,,,\n\"node2,,\nnode3,,,91\nnode4,,,,,x\nnode5,0800.201a.2b3c,10.0.0.5,\n";
    assert_eq!(
        items(Format::Csv, text),
        [
            "i:2:1: `zz` is no MAC address",
            "i:2:1: `10.1.2.300` is no IP address",
            "i:4:1: a quote that never ends",
            "i:5:1: a latitude without a longitude",
            "i:6:1: 6 cells under 4 columns",
            "i:7 node5:  08:00:20:1a:2b:3c 10.0.0.5 |||||"
        ]
    );
    let mut latin = b"name,room\nnode1,caf\xe9\nnode2,R1\n".to_vec();
    latin.extend(vec![b'x'; 70_000]);
    latin.extend(b"\nnode3,R2\n");
    let read: Vec<Item> = read(Format::Csv, "i", latin.as_slice()).collect();
    let told: Vec<String> = read
        .iter()
        .map(|item| match item {
            Ok(record) => record.origin.to_string(),
            Err(wrong) => wrong.mistake.to_string(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "i:2:1: not UTF-8: convert the file, for example with iconv -f latin1 -t utf8",
            "i:3",
            "i:4:1: a row longer than 64 KiB",
            "i:5"
        ]
    );
}

#[test]
fn a_file_that_is_no_inventory_is_refused_as_a_whole() {
    assert_eq!(items(Format::Csv, ""), ["END i:1:1: the file is empty"]);
    let headless = items(Format::Csv, "10.1.2.3;B2\n");
    assert!(headless[0].starts_with("END i:1:1: the header names no column `name`"), "{headless:?}");
    assert!(items(Format::Ansible, "{\"all\": {}}")[0].starts_with("END i:1:1: no `_meta.hostvars`"));
    assert_eq!(
        items(Format::Ansible, "{\"_meta\": {\"hostvars\": {\"a\": {}, \n\"b\": {}"),
        ["i:1 a:    |||||", "i:2 b:    |||||", "END i:2:7: JSON: EOF while parsing an object"]
    );
    assert_eq!(items(Format::Yaml, "- a\n"), ["END i:1:1: `devices` with a list of devices is missing"]);
    assert!(items(Format::Yaml, "devices: [\n")[0].starts_with("END i:"));
}

#[test]
fn an_inventory_of_ansible_is_read() {
    let text = r#"{
    "_meta": {
        "hostvars": {
            "is38.east.acme.com": {
                "ansible_host": "10.1.2.3",
                "ansible_user": "root",
                "owner": "root",
                "site": "B2",
                "room": 14,
                "autoticket_owner": "Jana",
                "autoticket_mac": ["08:00:20:1a:2b:3c"],
                "nested": {"name": "x", "deep": [1, {"y": null}]}
            },
            "node7": {"ansible_host": "node7.east.acme.com", "coordinates": "95, 1"},
            "node8": {"building": {"name": "B2"}}
        }
    },
    "all": {"children": ["ungrouped"]}
}"#;
    assert_eq!(
        items(Format::Ansible, text),
        [
            "i:4 is38.east.acme.com:  08:00:20:1a:2b:3c 10.1.2.3 |B2|14||Jana|",
            "i:14:1: latitude must be degrees from -90 to 90, not `95`",
            "i:15 node8:    |||||"
        ]
    );
}

#[test]
fn our_own_yaml_is_read_and_says_what_was_meant() {
    let text = "devices:\n  - name: IS38\n    aliases: [dm, dm2]\n    mac: 0800201A2B3C\n    ip: [10.1.2.3, '::1']\n    building: B2\n    room: '014'\n  - {name: node7, bulding: B2}\n  - {name: node8, building: [B2]}\n  - node9\n";
    assert_eq!(
        items(Format::Yaml, text),
        [
            "i:2 is38: dm+dm2 08:00:20:1a:2b:3c 10.1.2.3+::1 |B2|014|||",
            "i:8:19: unknown key `bulding` in a device, did you mean `building`?",
            "i:8 node7:    |||||",
            "i:9:29: a text is wanted here, not a list",
            "i:9 node8:    |||||",
            "i:10:5: a device must be a map of keys and values, not a text",
        ]
    );
}

fn record(name: &str, building: &str, room: &str, line: u32) -> Record {
    Record {
        name: name.into(),
        building: Some(building.into()),
        room: Some(room.into()),
        origin: crate::rules::model::Origin { file: "i.csv".into(), line, column: 1 },
        ..Record::default()
    }
}

fn stated(name: &str, building: Option<&str>, room: Option<&str>) -> Stated {
    Stated {
        names: vec![name.into()],
        building: building.map(str::to_owned),
        room: room.map(str::to_owned),
        ..Stated::default()
    }
}

#[test]
fn what_agrees_is_verified_whatever_its_case_and_what_differs_is_corrected_with_both_sides() {
    let records = [record("node7.east.acme.com", "B2", "R41", 7)];
    for (building, room) in [(Some("b2"), Some(" r41 ")), (None, None), (Some("B2"), None)] {
        let found = verify(&stated("NODE7", building, room), &records);
        assert_eq!(found.words(), "verified: node7.east.acme.com stands in B2/R41 (i.csv:7)");
    }
    let said = stated("node7.east.acme.com.", Some("B2"), Some("R14"));
    let found = verify(&said, &records);
    assert_eq!(found.words(), "corrected: alert said B2/R14, records say B2/R41 (i.csv:7)");
    assert_eq!(found.place(&said), [None, Some("B2".into()), Some("R41".into())]);
    let region = Stated { region: Some("EMEA".into()), ..stated("node7", None, None) };
    let records = [Record { region: Some("APAC".into()), ..records[0].clone() }];
    assert_eq!(
        verify(&region, &records).words(),
        "corrected: alert said region EMEA, records say region APAC (i.csv:7)"
    );
}

#[test]
fn a_room_of_another_building_is_not_kept() {
    let said = stated("node7", Some("B2"), Some("R14"));
    let records = [Record { room: None, ..record("node7", "B3", "", 7) }];
    assert_eq!(verify(&said, &records).place(&said), [None, Some("B3".into()), None]);
}

#[test]
fn name_and_address_of_two_devices_contradict_each_other_and_both_are_shown() {
    let other = Record { ips: vec!["10.1.2.3".into()], ..record("node8", "B3", "R2", 8) };
    let records = [record("node7", "B2", "R41", 7), other];
    let said = Stated { ip: Some("::ffff:10.1.2.3".into()), ..stated("node7", Some("B2"), None) };
    let found = verify(&said, &records);
    assert_eq!(
        found.words(),
        "contradictory: name node7 is that of node7 in B2/R41 (i.csv:7), address 10.1.2.3 that of node8 in B3/R2 (i.csv:8)"
    );
    assert_eq!((found.record(), found.place(&said)), (None, [None, Some("B2".into()), None]));
    let silent = Stated { building: None, ..said };
    assert_eq!(found.place(&silent), [None, Some("B2".into()), Some("R41".into())]);
}

#[test]
fn a_short_name_that_two_records_have_needs_an_address() {
    let east =
        Record { macs: vec!["08:00:20:1a:2b:3c".into()], ..record("is38.east.acme.com", "B2", "R1", 2) };
    let records = [east, record("is38.west.acme.com", "B3", "R2", 3)];
    assert_eq!(
        verify(&stated("is38", None, None), &records).words(),
        "contradictory: short name is38 is recorded for is38.east.acme.com in B2/R1 (i.csv:2) and for is38.west.acme.com in B3/R2 (i.csv:3)"
    );
    let composite = verify(&stated("is38 (0800.201a.2b3c)", None, None), &records);
    assert_eq!(composite.words(), "verified: is38.east.acme.com stands in B2/R1 (i.csv:2)");
    assert_eq!(verify(&stated("is38.north.acme.com", None, None), &records), Verification::Unrecorded);
    let mac = verify(&Stated { mac: Some("0800201A2B3C".into()), ..Stated::default() }, &records);
    assert_eq!(mac.record().map(|r| r.origin.line), Some(2));
}

#[test]
fn a_verification_survives_being_stored() {
    let said = stated("node7", Some("B2"), Some("R14"));
    let found = [
        verify(&said, &[]),
        verify(&said, &[record("node7", "B2", "R41", 7)]),
        verify(&stated("n", None, None), &[record("n.a", "B2", "1", 1), record("n.b", "B2", "1", 2)]),
        Verification::NotAsked,
    ];
    for verification in found {
        let text = serde_json::to_string(&verification).expect("JSON");
        assert_eq!(serde_json::from_str::<Verification>(&text).expect("read"), verification);
    }
    assert_eq!(serde_json::to_string(&Verification::NotAsked).expect("JSON"), "\"not_asked\"");
}

proptest! {
    #[test]
    fn any_bytes_end_and_every_record_has_a_name_and_a_line(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b';'), Just(b'\n'), Just(b'{'), Just(b'}'), Just(b':'), Just(b'a'),
            Just(b'\xff'), any::<u8>()
        ], 0..200),
        header in any::<bool>(),
    ) {
        let text = [if header { b"name,ip\n".as_slice() } else { b"" }, &bytes].concat();
        for format in [Format::Csv, Format::Ansible, Format::Yaml] {
            for item in read(format, "i", text.as_slice()) {
                match item {
                    Ok(record) => prop_assert!(!record.name.is_empty() && record.origin.line > 0),
                    Err(wrong) => prop_assert!(wrong.mistake.line > 0 && !wrong.mistake.what.is_empty()),
                }
            }
        }
    }

    #[test]
    fn a_record_is_found_by_each_of_its_own_keys(
        name in "[a-z][a-z0-9]{1,6}(\\.[a-z]{2,4}){0,2}",
        alias in "[A-Z][a-z0-9-]{1,6}(\\.[a-z]{2,4}){0,2}",
        mac in any::<[u8; 6]>(), ip in any::<u32>(),
    ) {
        let mac: Vec<String> = mac.iter().map(|b| format!("{b:02X}")).collect();
        let ip = std::net::Ipv4Addr::from(ip).to_string();
        let text = format!("name;aliases;mac;ip\n{name};{alias};{};{ip}\n", mac.concat());
        let record = read(Format::Csv, "i", text.as_bytes()).next().expect("a row").expect("right");
        for key in [name, alias, mac.join("-"), ip] {
            let found = verify(&Stated::named(&key), std::slice::from_ref(&record));
            prop_assert_eq!(found.record(), Some(&record), "{}", key);
            prop_assert!(Stated::named(&key).keys().iter().any(|k| record.keys().contains(k)));
        }
    }
}
