//! Whose joules they were: examples as stories, conservation as a property.

use super::*;
use crate::units::PartsPerMillion;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MS: u64 = 1_000;
const IDLE: u32 = 3_000;
const WINDOW: Micros = Micros(70 * MS);

fn ms(at: u64) -> Micros {
    Micros(at * MS)
}

fn joules(whole: u64) -> Microjoules {
    Microjoules(whole * 1_000_000)
}

/// A board whose true draw is known at each millisecond, read every 70 ms by a sensor that averages.
struct Board {
    accounts: Accounts<&'static str>,
    now: u64,
    truth: fn(u64) -> u32,
}

impl Board {
    fn new(truth: fn(u64) -> u32) -> Self {
        Self { accounts: Accounts::new(Milliwatts(IDLE), BasisPoints(150)), now: 0, truth }
    }

    fn run_to(&mut self, end: u64) {
        while self.now + 70 <= end {
            let sum: u32 = (self.now..self.now + 70).map(self.truth).sum();
            self.now += 70;
            self.accounts.read(ms(self.now), Milliwatts(sum / 70), WINDOW, Marks::NONE);
        }
    }

    fn sleep_to(&mut self, end: u64) {
        self.now = end;
    }

    fn settled(&mut self) -> BTreeMap<&'static str, Bill> {
        self.accounts.settled(ms(self.now)).into_iter().collect()
    }
}

fn near(found: Microjoules, wanted: Microjoules, within: u64) -> bool {
    found.0.abs_diff(wanted.0) <= within
}

/// Idle, but 6 W from 10 s to 12 s.
fn two_seconds(at: u64) -> u32 {
    if (10_000..12_000).contains(&at) { 6_000 } else { IDLE }
}

#[test]
fn the_smear_of_the_sensor_belongs_to_the_answer_and_the_idle_around_it_does_not() {
    let mut board = Board::new(two_seconds);
    board.run_to(10_000);
    board.accounts.begin("a", ms(10_000));
    board.run_to(12_000);
    board.accounts.work(ms(10_000), ms(12_000), &[("a", 7)]);
    board.accounts.finish("a", ms(12_000));
    assert!(board.settled().is_empty(), "the smear is still to come");
    board.run_to(12_210);
    let bill = board.settled()["a"];
    assert!(near(bill.wall, joules(12), 20_000), "{bill:?}");
    assert!(near(bill.idle, joules(6), 20_000), "{bill:?}");
    assert_eq!(bill.wall, bill.idle.plus(bill.marginal));
    assert_eq!((bill.elapsed, bill.coverage), (ms(2_000), PartsPerMillion(1_000_000)));
    assert_eq!((bill.unmeasured, bill.marks), (Millis(0), Marks::NONE));
    assert!(board.settled().is_empty(), "handed out once");
}

#[test]
fn answers_back_to_back_do_not_take_from_each_other() {
    let mut board = Board::new(two_seconds);
    board.run_to(11_000);
    board.accounts.work(ms(10_000), ms(11_000), &[("a", 1)]);
    board.accounts.finish("a", ms(11_000));
    board.accounts.begin("b", ms(11_000));
    board.run_to(12_500);
    board.accounts.work(ms(11_000), ms(12_000), &[("b", 1)]);
    board.accounts.finish("b", ms(12_000));
    let bills = board.settled();
    for name in ["a", "b"] {
        assert!(near(bills[name].wall, joules(6), 20_000), "{name}: {bills:?}");
    }
}

#[test]
fn users_of_one_step_share_idle_equally_and_the_rest_by_tokens() {
    let mut board = Board::new(|_| 6_000);
    board.run_to(1_000);
    board.accounts.begin("long", ms(1_000));
    board.run_to(3_500);
    board.accounts.work(ms(1_000), ms(2_000), &[("long", 2), ("short", 1)]);
    board.accounts.finish("long", ms(2_000));
    board.accounts.finish("short", ms(2_000));
    board.run_to(4_000);
    let bills = board.settled();
    assert_eq!((bills["long"].idle, bills["short"].idle), (Microjoules(1_500_000), Microjoules(1_500_000)));
    assert!(near(bills["long"].marginal, Microjoules(2 * bills["short"].marginal.0), 2), "{bills:?}");
}

#[test]
fn heads_that_overlap_share_the_time_that_both_cover() {
    let mut board = Board::new(|_| 6_000);
    board.run_to(1_000);
    board.accounts.begin("embed", ms(1_000));
    board.accounts.begin("chat", ms(2_000));
    board.run_to(3_600);
    board.accounts.work(ms(1_000), ms(3_000), &[("embed", 50)]);
    board.accounts.work(ms(2_000), ms(4_000), &[("chat", 1), ("more", 1)]);
    board.accounts.finish("embed", ms(3_000));
    board.accounts.finish("chat", ms(4_000));
    board.accounts.finish("more", ms(4_000));
    board.run_to(5_000);
    let bills = board.settled();
    // Idle: a second alone, then one of three for a second, then one of two.
    let idle = |name| bills[name].idle;
    assert_eq!([idle("embed"), idle("chat"), idle("more")], [4_000_000, 2_500_000, 2_500_000].map(Microjoules));
    // The rest: the heads get the same, however many they serve.
    assert!(near(bills["embed"].marginal, Microjoules(2 * bills["chat"].marginal.0), 1_000_000), "{bills:?}");
}

#[test]
fn a_breath_between_two_steps_is_billed_and_a_pause_is_idle() {
    for (pause, elapsed, idle) in [(80, 1_080, 3_240_000), (120, 1_000, 3_000_000)] {
        let mut board = Board::new(|_| 4_000);
        board.run_to(1_000);
        board.accounts.work(ms(1_000), ms(1_500), &[("a", 1)]);
        board.accounts.work(ms(1_500 + pause), ms(2_000 + pause), &[("a", 1)]);
        board.accounts.finish("a", ms(2_000 + pause));
        board.run_to(2_500);
        let bill = board.settled()["a"];
        assert_eq!((bill.elapsed, bill.idle), (ms(elapsed), Microjoules(idle)), "{pause} ms");
    }
}

#[test]
fn loading_a_model_is_overhead_under_its_own_name() {
    let mut board = Board::new(two_seconds);
    board.run_to(10_000);
    board.accounts.loading(ms(10_000));
    board.run_to(14_000);
    board.accounts.overhead(ms(10_000), ms(12_000));
    board.run_to(20_000);
    let books = board.accounts.books();
    assert!(near(books.overhead, joules(12), 20_000), "{books:?}");
    assert_eq!(books.answers, Microjoules::ZERO);
}

#[test]
fn without_a_reading_a_bill_waits_three_tenths_of_a_second_and_says_what_was_not_measured() {
    let mut board = Board::new(two_seconds);
    board.run_to(11_000);
    board.accounts.lost();
    board.accounts.work(ms(10_000), ms(12_000), &[("a", 1)]);
    board.accounts.finish("a", ms(12_000));
    assert_eq!(board.accounts.next_settling(), Some(ms(12_300)));
    board.sleep_to(12_299);
    assert!(board.settled().is_empty());
    board.sleep_to(12_300);
    let bill = board.settled()["a"];
    assert!(near(bill.wall, joules(12), 100_000), "the last draw goes on: {bill:?}");
    assert!(bill.marks.has(Marks::GAP.and(Marks::SENSOR_LOST)), "{bill:?}");
    assert_eq!(bill.unmeasured, Millis(2_000 - (10_990 - 35 - 10_000)));
    assert!(bill.coverage < PartsPerMillion(500_000) && bill.u_rel > BasisPoints(2_500), "{bill:?}");
    board.run_to(20_000);
    assert!(board.settled().is_empty(), "handed out once");
}

#[test]
fn marks_are_on_the_bills_that_ran_meanwhile_and_on_no_other() {
    let mut board = Board::new(|_| 4_000);
    board.run_to(1_000);
    for (begin, name) in [(1_000, "before"), (3_000, "during"), (5_000, "after")] {
        board.run_to(begin);
        board.accounts.begin(name, ms(begin));
        if name == "during" {
            board.run_to(begin + 500);
            board.accounts.read(ms(board.now + 40), Milliwatts(4_000), WINDOW, Marks::CLIPPED.and(Marks::SENSOR_RESET));
        }
        board.run_to(begin + 1_000);
        board.accounts.work(ms(begin), ms(begin + 1_000), &[(name, 1)]);
        board.accounts.finish(name, ms(begin + 1_000));
        board.run_to(begin + 1_500);
        let expected = if name == "during" { Marks::CLIPPED.and(Marks::SENSOR_RESET) } else { Marks::NONE };
        assert_eq!(board.settled()[name].marks, expected, "{name}");
    }
}

#[test]
fn the_idle_draw_is_learned_from_quiet_time_only() {
    let mut board = Board::new(|at| if (10_000..40_000).contains(&at) { 6_000 } else { 2_500 });
    assert_eq!(board.accounts.idle_draw(), Milliwatts(IDLE));
    board.run_to(10_000);
    board.accounts.begin("a", ms(10_000));
    board.run_to(40_000);
    board.accounts.work(ms(10_000), ms(40_000), &[("a", 1)]);
    board.accounts.finish("a", ms(40_000));
    board.run_to(60_000);
    assert_eq!(board.accounts.idle_draw(), Milliwatts(2_500));
}

#[test]
fn who_is_in_the_middle_of_a_long_step_pays_his_part_when_another_bill_may_not_wait() {
    let mut board = Board::new(|at| if (1_000..4_000).contains(&at) { 6_000 } else { IDLE });
    board.run_to(1_000);
    board.accounts.begin("reads", ms(1_000));
    board.accounts.begin("quick", ms(1_000));
    board.run_to(2_500);
    board.accounts.work(ms(1_000), ms(2_000), &[("quick", 1)]);
    board.accounts.finish("quick", ms(2_000));
    let bill = board.settled()["quick"];
    assert!(near(bill.wall, joules(3), 40_000), "half of it: {bill:?}");
    board.run_to(5_000);
    board.accounts.work(ms(1_000), ms(4_000), &[("reads", 300)]);
    board.accounts.finish("reads", ms(4_000));
    board.run_to(6_000);
    let bill = board.settled()["reads"];
    assert_eq!((bill.elapsed, bill.marks, bill.coverage), (ms(3_000), Marks::NONE, PartsPerMillion(1_000_000)));
    assert_eq!(bill.idle, Microjoules(1_500_000 + 6_000_000));
    assert!(near(bill.wall, joules(3 + 12), 40_000), "{bill:?}");
}

#[test]
fn work_that_is_told_of_too_late_says_so() {
    let mut board = Board::new(|_| 6_000);
    board.run_to(20_000);
    board.accounts.work(ms(1_000), ms(20_000), &[("a", 1)]);
    board.accounts.finish("a", ms(20_000));
    board.run_to(21_000);
    let bill = board.settled()["a"];
    assert!(bill.marks.has(Marks::LATE) && bill.elapsed == ms(19_000), "{bill:?}");
    assert!(bill.coverage < PartsPerMillion(300_000), "{bill:?}");
}

#[test]
fn a_finished_user_without_work_gets_an_empty_bill_at_once() {
    let mut board = Board::new(two_seconds);
    board.run_to(1_000);
    board.accounts.finish("a", ms(1_000));
    assert_eq!(board.settled()["a"].wall, Microjoules::ZERO);
}

#[test]
fn what_an_answer_has_cost_so_far_is_known_within_a_few_percent() {
    let mut board = Board::new(two_seconds);
    board.run_to(10_000);
    board.accounts.begin("a", ms(10_000));
    for step in 1..=10_u64 {
        let (from, to) = (10_000 + (step - 1) * 200, 10_000 + step * 200);
        board.run_to(to);
        board.accounts.work(ms(from), ms(to), &[("a", 1)]);
        let (spent, truth) = (board.accounts.spent_so_far(&"a", ms(to)), Microjoules(step * 1_200_000));
        assert!(near(spent, truth, 150_000 + truth.0 / 50), "step {step}: {spent:?} of {truth:?}");
    }
    assert_eq!(board.accounts.spent_so_far(&"nobody", ms(12_000)), Microjoules::ZERO);
}

#[test]
fn an_hour_without_a_reading_hundreds_of_thousands_of_slices_and_a_crowd_fit_into_bounded_room() {
    let mut accounts = Accounts::<u32>::new(Milliwatts(IDLE), BasisPoints(150));
    (1..30).for_each(|beat| accounts.read(ms(beat * 70), Milliwatts(6_000), WINDOW, Marks::NONE));
    for slice in 0..if cfg!(debug_assertions) { 5_000 } else { 200_000_u32 } {
        let from = ms(2_000 + u64::from(slice) * 4);
        accounts.work(from, from.plus(ms(4)), &[(slice / 10, 1)]);
        assert!(accounts.users.len() <= MAX_USERS && accounts.slices.len() <= MAX_SLICES);
    }
    accounts.read(ms(5_000_000), Milliwatts(2_000), WINDOW, Marks::NONE);
    accounts.close(ms(5_000_000));
    let books = accounts.books();
    assert_eq!((books.total(), books.open), (accounts.shown(ms(4_999_965)), Microjoules::ZERO));
}

#[test]
fn a_step_longer_than_what_is_remembered_is_billed_whole_to_who_is_in_hand() {
    let mut accounts = Accounts::<u32>::new(Milliwatts(IDLE), BasisPoints(150));
    let read = |accounts: &mut Accounts<u32>, at| accounts.read(ms(at), Milliwatts(6_000), Micros::ZERO, Marks::NONE);
    read(&mut accounts, 1);
    accounts.begin(1, ms(1));
    (2..10_000).for_each(|beat| read(&mut accounts, beat * 5));
    accounts.work(ms(1), ms(49_995), &[(1, 512)]);
    accounts.finish(1, ms(49_995));
    let (_, bill) = accounts.close(ms(50_000))[0];
    assert_eq!((bill.wall, bill.elapsed, bill.marks), (Microjoules(49_994 * 6_000), ms(49_994), Marks::NONE));
}

#[test]
fn who_is_forgotten_in_hand_holds_the_books_for_two_minutes() {
    let mut board = Board::new(|_| IDLE);
    board.run_to(1_000);
    board.accounts.begin("forgotten", ms(1_000));
    board.run_to(120_000);
    assert!(board.accounts.books().idle < joules(4));
    board.run_to(130_000);
    assert!(board.accounts.books().idle > joules(360), "{:?}", board.accounts.books());
}

/// What can happen to the books.
#[derive(Debug, Clone)]
enum Event {
    Read(u32, u8),
    Lost,
    Begin(u8),
    Work { users: Vec<(u8, u32)>, length: u64, ago: u64 },
    Load { length: u64, ago: u64 },
    Loading,
    Finish(u8),
    Settle,
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let pace = prop_oneof![8 => 0..80 * MS, 2 => 0..400 * MS, 1 => 0..9_000 * MS];
    let event = prop_oneof![
        10 => (0..9_000_u32, 0..8_u8).prop_map(|(draw, odd)| Event::Read(draw, odd)),
        1 => Just(Event::Lost),
        2 => (0..6_u8).prop_map(Event::Begin),
        8 => (prop::collection::vec((0..6_u8, 0..5_u32), 0..4), 0..900 * MS, 0..200 * MS)
            .prop_map(|(users, length, ago)| Event::Work { users, length, ago }),
        1 => (0..900 * MS, 0..900 * MS).prop_map(|(length, ago)| Event::Load { length, ago }),
        1 => Just(Event::Loading),
        3 => (0..6_u8).prop_map(Event::Finish),
        4 => Just(Event::Settle),
    ];
    prop::collection::vec((pace, event), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 4_000 }))]

    #[test]
    fn bills_overhead_and_idle_add_up_to_what_the_odometer_turned(events in events()) {
        let mut accounts = Accounts::new(Milliwatts(IDLE), BasisPoints(150));
        let (mut now, mut billed, mut shown, mut before) = (0, 0_u64, Microjoules::ZERO, Books::default());
        let mut owed: BTreeMap<u8, u32> = BTreeMap::new();
        let mut take = |bills: Vec<(u8, Bill)>, owed: &mut BTreeMap<u8, u32>| {
            for (user, bill) in bills {
                billed += bill.wall.0;
                assert_eq!(bill.wall.0, bill.idle.0 + bill.marginal.0);
                assert!(bill.unmeasured <= Micros(bill.elapsed.0 + 999).millis(), "{bill:?}");
                *owed.entry(user).or_default() -= 1;
            }
            billed
        };
        for (pace, event) in events {
            now += pace;
            let at = Micros(now);
            match event {
                Event::Read(draw, odd) => {
                    let marks = [Marks::CLIPPED, Marks::SENSOR_RESET].get(usize::from(odd)).copied().unwrap_or_default();
                    accounts.read(at, Milliwatts(draw), Micros(u64::from(odd) * 10 * MS), marks);
                }
                Event::Lost => accounts.lost(),
                Event::Begin(user) => accounts.begin(user, at),
                Event::Work { users, length, ago } => {
                    let to = Micros(now.saturating_sub(ago));
                    accounts.work(to.minus(Micros(length)), to, &users);
                }
                Event::Load { length, ago } => {
                    let to = Micros(now.saturating_sub(ago));
                    accounts.overhead(to.minus(Micros(length)), to);
                }
                Event::Loading => accounts.loading(at),
                Event::Finish(user) => {
                    accounts.finish(user, at);
                    owed.insert(user, 1);
                }
                Event::Settle => { take(accounts.settled(at), &mut owed); }
            }
            let books = accounts.books();
            let turned = whole(accounts.odometer.turned());
            prop_assert_eq!(books.total(), turned, "{:?}", books);
            prop_assert!(books.answers >= before.answers && books.overhead >= before.overhead);
            prop_assert!(books.idle.plus(Microjoules(1)) >= before.idle);
            before = books;
            let shows = accounts.shown(at);
            prop_assert!(shows >= shown && shows >= turned);
            shown = shows;
        }
        for user in 0..6 {
            accounts.finish(user, Micros(now));
            owed.insert(user, 1);
        }
        let billed = take(accounts.close(Micros(now)), &mut owed);
        prop_assert!(owed.values().all(|left| *left == 0), "one bill each: {:?}", owed);
        let books = accounts.books();
        prop_assert_eq!(books.open, Microjoules::ZERO);
        prop_assert_eq!(billed + books.overhead.0 + books.idle.0, whole(accounts.odometer.turned()).0);
    }
}
