//! Scenario files: the shipped ones are good, and bad ones are refused by name.

use super::*;

#[test]
fn every_shipped_scenario_is_good_and_bears_its_name() {
    for (name, text) in Scenario::SHIPPED {
        let scenario = Scenario::parse(name, text).unwrap();
        assert_eq!(scenario.name, name);
        assert!(!scenario.about.is_empty(), "{name}");
    }
    assert_eq!(Scenario::shipped("a").unwrap().name, "A");
    assert!(Scenario::shipped("Z").unwrap_err().to_string().contains("school"));
}

#[test]
fn what_is_wrong_is_refused_with_file_key_and_remedy() {
    let good = "name = 'x'\n[battery]\ncapacity_wh = 77\n[sun]\npeak_w = 40\n[prompts]\nper_day = 5\n";
    assert!(Scenario::parse("mine.toml", good).is_ok());
    let table = [
        // what is replaced, by what, what the error must say
        ("peak_w = 40", "peek_w = 40", "peek_w"),
        ("peak_w = 40", "peak_w = -3", "sun.peak_w = -3"),
        ("peak_w = 40", "peak_w = 40\ndaylight_h = 25", "from 1 to 24"),
        ("[sun]\npeak_w = 40", "", "[battery] and [sun], or [grid] alone"),
        ("per_day = 5", "", "per_day"),
        ("per_day = 5", "per_day = 5\nhours = [1, 2]", "24"),
        ("capacity_wh = 77", "capacity_wh = 'big'", "capacity_wh"),
        ("capacity_wh = 77", "capacity_wh = 77\nrestart = 0.01", "battery.restart = 0.01"),
        (
            "[prompts]",
            "[[level]]\nname='Q8_0'\nsize_gb=1\nquality=2\nprefill_tok_s=1\ndecode_tok_s=1\n[prompts]",
            "level.quality of Q8_0 = 2",
        ),
    ];
    for (part, instead, says) in table {
        let error = Scenario::parse("mine.toml", &good.replace(part, instead)).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("mine.toml"), "{instead}: {error}");
    }
}
