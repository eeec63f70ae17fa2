//! Settings: layers, origins, and errors that help.

use super::{
    layers::{DEFAULTS, known_keys},
    *,
};

fn read(variables: &[(&str, &str)], flags: &[&str]) -> Result<Loaded, SettingsError> {
    let owned = |text: &&str| (*text).to_owned();
    let variables = variables.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    Loaded::read(&Place { variables, flags: flags.iter().map(owned).collect(), ..Place::default() })
}

fn error(variables: &[(&str, &str)], flags: &[&str]) -> String {
    read(variables, flags).unwrap_err().to_string()
}

/// The shipped file, with every commented key given the value that it shows, is valid too:
/// so no key stands there that does not exist, and every example can be used.
#[test]
fn the_shipped_file_is_the_defaults_and_every_example_in_it_is_valid() {
    let defaults = read(&[], &[]).unwrap();
    let shipped = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(shipped.path(), DEFAULTS).unwrap();
    let again = Loaded::read(&Place { file: Some(shipped.path().to_owned()), ..Place::default() }).unwrap();
    assert_eq!(again.settings, defaults.settings);

    let examples: String = DEFAULTS
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| known_keys().iter().any(|known| known.ends_with(&format!(".{key}")))) =>
            {
                rest
            }
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    std::fs::write(shipped.path(), examples.replace("tls = false", "tls = true")).unwrap();
    let all = Loaded::read(&Place { file: Some(shipped.path().to_owned()), ..Place::default() }).unwrap();
    assert_eq!(all.origins.len(), known_keys().len(), "every key has an example");
    assert_eq!(all.settings.power.shunt_ohm, Some(0.1));
    assert_eq!(all.settings.device.id.as_deref(), Some("kitchen"));
}

#[test]
fn later_layers_win_and_say_so() {
    let site = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(site.path(), "[mqtt]\nport = 1\nprefix = \"site\"\n[desk]\nplaces = 7\n").unwrap();
    let loaded = Loaded::read(&Place {
        site: Some(site.path().to_owned()),
        variables: vec![("HOB_MQTT__PORT".into(), "2".into()), ("HOB_MQTT__PREFIX".into(), "variable".into())],
        flags: vec!["mqtt.prefix=flag".into()],
        ..Place::default()
    })
    .unwrap();
    let origin = |key: &str| loaded.origins[key].1.to_string();
    assert_eq!((loaded.settings.desk.places, origin("desk.places")), (7, site.path().display().to_string()));
    assert_eq!((loaded.settings.mqtt.port, origin("mqtt.port")), (2, "variable HOB_MQTT__PORT".into()));
    assert_eq!((loaded.settings.mqtt.prefix.as_str(), origin("mqtt.prefix")), ("flag", "--set".into()));
    assert_eq!(origin("engine.slots"), "default");
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_named_with_value_place_range_and_remedy() {
    let table: [(&str, &str, &[&str]); 12] = [
        ("mqtt.prot",           "1",       &["unknown setting mqtt.prot", "did you mean mqtt.port?"]),
        ("nonsense",            "1",       &["unknown setting nonsense"]),
        ("engine.slots",        "99",      &["engine.slots = 99", "between 1 and 16", "good number"]),
        ("engine.slots",        "many",    &["engine.slots = \"many\"", "--set"]),
        ("mqtt.port",           "70000",   &["mqtt.port = 70000"]),
        ("mqtt.prefix",         "a/#",     &["mqtt.prefix", "without blanks, + or #"]),
        ("device.id",           "a/b",     &["device.id", "1 to 64 letters"]),
        ("mqtt.username",       "me",      &["mqtt.username", "together with mqtt.password_file"]),
        ("power.address",       "0x20",    &["power.address = 32", "between 64 and 79"]),
        ("carbon.country",      "Italy",   &["carbon.country", "ISO 3166-1"]),
        ("policy.cool_c",       "90.0",    &["policy.cool_c = 90", "below policy.hot_c"]),
        ("log.format",          "xml",     &["log.format", "text or json"]),
    ];
    for (key, value, parts) in table {
        let message = error(&[], &[&format!("{key}={value}")]);
        for part in parts {
            assert!(message.contains(part), "{key}={value}: {message}");
        }
    }
    assert!(error(&[("HOB_MQTT__PROT", "1")], &[]).contains("variable HOB_MQTT__PROT"));
    assert!(error(&[], &["mqtt.port"]).contains("not key=value"));
}

#[test]
fn texts_numbers_and_lists_come_through_variables() {
    let loaded = read(
        &[
            ("HOB_MQTT__REPLY_PREFIXES", r#"["a/", "b/"]"#),
            ("HOB_MQTT__HOST", "broker.lan"),
            ("HOB_POWER__CAP_W", "5.5"),
            ("HOB_DEVICE__ID", "12"),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(loaded.settings.mqtt.reply_prefixes, ["a/", "b/"]);
    assert_eq!(loaded.settings.mqtt.host.as_deref(), Some("broker.lan"));
    assert_eq!(loaded.settings.power.cap_w, Some(5.5));
    assert_eq!(loaded.settings.device.id.as_deref(), Some("12"), "a text that looks like a number");
}
