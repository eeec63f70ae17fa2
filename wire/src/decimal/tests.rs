//! That numbers come through as they were counted.

use proptest::prelude::*;

use super::*;

#[test]
fn a_decimal_is_written_as_the_shortest_number_that_means_it() {
    let table = [
        (Decimal::<6>(0), "0.0"),
        (Decimal(1), "1e-6"),
        (Decimal(61_200_000), "61.2"),
        (Decimal(150_000_000), "150.0"),
        (Decimal(-500_000), "-0.5"),
        (Decimal(300_000), "0.3"), // 0.1 + 0.2 would say 0.30000000000000004
        (Decimal(999_999_999_999_999), "999999999.999999"),
    ];
    for (decimal, written) in table {
        assert_eq!(serde_json::to_string(&decimal).unwrap(), written);
        assert_eq!(serde_json::from_str::<Decimal<6>>(written).unwrap(), decimal);
    }
    assert_eq!(serde_json::to_string(&Decimal::<0>(15_320)).unwrap(), "15320", "whole numbers have no point");
}

#[test]
fn what_is_no_decimal_of_so_many_places_is_refused() {
    for text in ["", "-", ".5", "1e3", "+1", "1.2345", "0x1", "1,5", "NaN", "99999999999999999999", "1.-2", "--1"] {
        assert!(text.parse::<Decimal<3>>().is_err(), "{text:?}");
    }
    assert_eq!("1.5000000".parse(), Ok(Decimal::<3>(1_500)), "noughts at the end say nothing");
}

#[test]
fn rates_and_watt_hours_round_down_and_survive_no_time_at_all() {
    assert_eq!(Decimal::per_second(64, Millis(15_320)), Some(Decimal(417)));
    assert_eq!(Decimal::per_second(64, Millis(0)), None);
    assert_eq!(Decimal::watt_hours(Microjoules(3_599_999)), Decimal(0));
    assert_eq!(Decimal::watt_hours(Microjoules(3_600_000)), Decimal(1));
    assert_eq!(Decimal::<6>::from(Microjoules(u64::MAX)), Decimal(i64::MAX));
}

proptest! {
    #[test]
    fn every_count_up_to_fifteen_digits_comes_back_exactly(count in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let decimal = Decimal::<6>(count);
        let written = serde_json::to_string(&decimal).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decimal<6>>(&written).unwrap(), decimal);
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
    }

    #[test]
    fn no_text_and_no_count_panics(text in ".{0,40}", count in any::<i64>()) {
        let _ = text.parse::<Decimal<6>>();
        prop_assert!(serde_json::to_string(&Decimal::<6>(count)).is_ok());
    }
}
