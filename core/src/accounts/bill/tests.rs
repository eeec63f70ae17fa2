//! How far a bill may be off, by what befell the sensor.

use super::*;
use crate::accounts::Accounts;
use crate::units::Milliwatts;

#[test]
fn bounds_shrink_with_time_and_grow_with_what_was_not_seen() {
    let table = [
        // meter  s  unsure   u_abs u_rel
        (153, 5, 0, 183, 102),
        (153, 15, 0, 164, 62),
        (153, 60, 0, 156, 36),
        (153, 15, 550, 574, 554),
        (153, 15, 5_495, 5_498, 5_496),
        (153, 15, 10_000, 10_000, 10_000),
        (153, 0, 0, 10_000, 10_000),
        (10_000, 15, 0, 10_000, 62),
    ];
    for (meter, seconds, unsure, u_abs, u_rel) in table {
        let bounds = uncertainty(BasisPoints(meter), Micros(seconds * 1_000_000), BasisPoints(unsure));
        assert_eq!(bounds, (BasisPoints(u_abs), BasisPoints(u_rel)), "{seconds} s, {unsure}");
    }
}

#[test]
fn of_what_befell_a_piece_the_worst_counts() {
    let table = [
        (true, Marks::NONE, 0),
        (true, Marks::SENSOR_RESET.and(Marks::SHUNT_DOUBT), 0),
        (true, Marks::INFERRED, 1_500),
        (false, Marks::GAP, 5_500),
        (false, Marks::GAP.and(Marks::INFERRED), 5_500),
        (true, Marks::CLIPPED, 10_000),
        (false, Marks::CLIPPED.and(Marks::INFERRED), 10_000),
    ];
    for (covered, marks, bound) in table {
        let piece = Stretch { to: Micros::ZERO, energy: 0, covered, marks };
        assert_eq!(unsure(&piece), BasisPoints(bound), "{covered} {marks:?}");
    }
}

/// The bill of 10 s of work, of which readings carried `marks` for the last `marked` milliseconds.
fn marked(marks: Marks, marked: u64) -> Bill {
    let ms = |at: u64| Micros(at * 1_000);
    let mut accounts = Accounts::new(Milliwatts(3_000), BasisPoints(150));
    accounts.begin("a", ms(1_000));
    for at in (50..=12_000).step_by(50) {
        let befell = if (11_000 - marked..=11_000).contains(&at) { marks } else { Marks::NONE };
        accounts.read(ms(at), Milliwatts(5_000), ms(50), befell);
    }
    accounts.work(ms(1_000), ms(11_000), &[("a", 1)]);
    accounts.finish("a", ms(11_000));
    accounts.settled(ms(12_000)).remove(0).1
}

#[test]
fn a_bill_is_as_unsure_as_what_befell_the_sensor_for_as_long_as_it_lasted() {
    let table = [
        // mark              ms      u_abs           u_rel         what the row is for
        (Marks::NONE, 10_000, 166..=167, 73..=75, "sound"),
        (Marks::INFERRED, 10_000, 1_485..=1_512, 1_475..=1_503, "inferred throughout: the model's 15 %"),
        (Marks::INFERRED, 1_000, 220..=230, 165..=175, "for a tenth of the time: 1.5 %"),
        (Marks::CLIPPED, 10_000, 9_900..=10_000, 9_900..=10_000, "clipped throughout: all of it"),
        (Marks::CLIPPED, 50, 185..=230, 110..=175, "clipped once: both sides of that reading"),
        (Marks::SHUNT_DOUBT, 10_000, 10_000..=10_000, 73..=75, "what is wrong in every bill alike is not in u_rel"),
        (Marks::SHUNT_DOUBT, 50, 10_000..=10_000, 73..=75, "a shunt is not in doubt for a moment"),
    ];
    for (marks, span, u_abs, u_rel, why) in table {
        let bill = marked(marks, span);
        assert_eq!((bill.marks, bill.coverage), (marks, PartsPerMillion(1_000_000)), "{why}");
        assert!(u_abs.contains(&bill.u_abs.0) && u_rel.contains(&bill.u_rel.0), "{why}: {bill:?}");
    }
}

#[test]
fn a_bill_of_which_nothing_was_measured_claims_nothing() {
    let mut accounts = Accounts::new(Milliwatts(3_000), BasisPoints(150));
    accounts.read(Micros(50_000), Milliwatts(5_000), Micros(50_000), Marks::NONE);
    accounts.begin("a", Micros(1_000_000));
    accounts.work(Micros(1_000_000), Micros(61_000_000), &[("a", 1)]);
    accounts.finish("a", Micros(61_000_000));
    let bill = accounts.settled(Micros(62_000_000)).remove(0).1;
    assert_eq!((bill.coverage, bill.u_abs, bill.u_rel), (PartsPerMillion(0), BasisPoints(10_000), BasisPoints(10_000)));
}
