//! That fields are read strictly, and that what came before a mistake is kept.

use super::*;

const KNOWN: [&str; 3] = ["id", "n", "level"];

fn fault(text: &str) -> String {
    Fields::read(text, "a note", &KNOWN).1.unwrap_err().message
}

#[test]
fn mistakes_are_named() {
    let table = [
        (r#"{"id":"a","idd":1}"#, "\"idd\" is not a field of a note; its fields are id, n, level"),
        (r#"{"id":"a","id":"b"}"#, "`id` is given twice (`transaction` is the same field)"),
        (r#"{"level":"a","quant":"b"}"#, "`level` is given twice (`quant` is the same field)"),
        (r#"{"id":"a""#, "a note is not a JSON object: EOF while parsing an object at line 1 column 9"),
        (r#"{"id":"a"} x"#, "a note is not a JSON object: trailing characters at line 1 column 12"),
        ("[]", "a note is not a JSON object: invalid type: sequence, expected an object at line 1 column 0"),
    ];
    for (text, message) in table {
        assert_eq!(fault(text), message, "{text}");
    }
}

#[test]
fn what_came_before_a_mistake_is_kept() {
    for text in [r#"{"transaction":"a","oops":1,"n":"#, r#"{"id":"a","n":]"#, r#"{"id":"a" "n":1}"#, r#"{"id":"a","#] {
        let (mut fields, outcome) = Fields::read(text, "a note", &KNOWN);
        assert!(outcome.is_err(), "{text}");
        assert_eq!(fields.text("id", 9).unwrap().as_deref(), Some("a"), "{text}");
    }
}

#[test]
fn null_is_absent_and_says_nothing_twice() {
    let (mut fields, outcome) = Fields::read(r#"{"id":null,"id":"a","n":null}"#, "a note", &KNOWN);
    assert_eq!(outcome, Ok(()));
    assert_eq!(fields.text("id", 9).unwrap().as_deref(), Some("a"));
    assert_eq!(fields.number::<0>("n", &(0..=9)), Ok(None));
}

#[test]
fn numbers_are_what_they_mean_and_not_how_they_are_written() {
    let table = [
        ("128", Some(128)),
        ("128.0", Some(128)),
        ("1.28e2", Some(128)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("201", None),
        ("1e400", None),
        ("\"128\"", None),
        ("[1]", None),
    ];
    for (written, number) in table {
        let text = format!("{{\"n\":{written}}}");
        let mut fields = Fields::read(&text, "a note", &KNOWN).0;
        let got = fields.number::<0>("n", &(0..=200));
        assert_eq!(got.clone().ok().flatten(), number.map(Decimal), "{written}");
        if let Err(fault) = got {
            assert!(fault.message.starts_with("`n` must be a whole number from 0 to 200, and is "), "{}", fault.message);
        }
    }
}

#[test]
fn depth_is_counted_outside_texts_only_and_nul_is_found_inside_them() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(scan(&nested(JSON_DEPTH)), Ok(()));
    assert!(scan(&nested(JSON_DEPTH + 1)).unwrap_err().message.contains("nests deeper than 32"));
    assert_eq!(scan(&format!("\"{}\"", nested(100))), Ok(()));
    assert_eq!(scan(r#""\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[""#), Ok(()), "an escaped quote does not end a text");
    assert!(scan(r#"{"a":"x\u0000"}"#).unwrap_err().message.contains("NUL"));
    assert_eq!(scan(r#"{"a":"x\\u0000"}"#), Ok(()), "an escaped backslash is no escape");
}

#[test]
fn an_error_never_quotes_what_somebody_said() {
    let mut fields = Fields::read(r#"{"n":"my secret","id":["my secret"]}"#, "a note", &KNOWN).0;
    for message in [fields.number::<0>("n", &(0..=1)).unwrap_err().message, fields.text("id", 9).unwrap_err().message] {
        assert!(!message.contains("secret"), "{message}");
    }
}
