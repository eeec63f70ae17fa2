//! What is let through, and what is not.

use proptest::prelude::*;

use super::*;

fn schema(text: &str) -> Result<String, String> {
    gbnf(&Shape::JsonSchema(text.into())).map(Option::unwrap)
}

fn grammar(text: &str) -> Result<String, String> {
    gbnf(&Shape::Grammar(text.into())).map(Option::unwrap)
}

#[test]
#[rustfmt::skip]
fn what_can_be_held_becomes_a_grammar() {
    let table = [
        r#"{"type":"object","properties":{"city":{"type":"string","maxLength":9},"n":{"type":"integer","minimum":1}},"required":["city"],"additionalProperties":false}"#,
        r#"{"type":"object"}"#,
        "{}",
        r#"{"type":"object","additionalProperties":{"type":"number"},"title":"Prices"}"#,
        r#"{"type":"array","items":{"type":"string","format":"date-time"},"minItems":1}"#,
        r#"{"type":"array","minItems":2}"#,
        r#"{"type":"string","enum":["a\"b","\\"]}"#,
        r#"{"type":"string","pattern":"^(?:[A-Za-z]{1,3}-)?[0-9]+\\.x$"}"#,
        r#"{"type":["null","object","integer"]}"#,
        r##"{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"right":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}},"additionalProperties":false}}}"##,
    ];
    for text in table {
        let grammar = schema(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert!(grammar.contains("root ::= "), "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn what_cannot_be_held_is_an_error_that_says_where() {
    let table = [
        (r#"{"type":"number","minimum":1}"#,                                    "/minimum is a keyword"),
        (r#"{"minimum":1}"#,                                                    "/minimum is a keyword"),
        (r#"{"type":["integer","null"],"minimum":1}"#,                          "/minimum is a keyword"),
        (r#"{"type":"integer","minimum":1,"exclusiveMinimum":2}"#,              "leave one out"),
        (r#"{"type":"array","uniqueItems":true}"#,                              "/uniqueItems is a keyword"),
        (r#"{"minItems":2}"#,                                                   "/minItems is a keyword"),
        (r#"{"prefixItems":[{"type":"null"}],"maxItems":0}"#,                   "/maxItems is a keyword"),
        (r#"{"type":"array","items":[{"type":"null"}]}"#,                       "/items/ there must be an object"),
        (r#"{"properties":{"a":{"type":"string","format":"email"}}}"#,          "/properties/a/format must be one of"),
        (r#"{"properties":{"a":true}}"#,                                        "/properties/a/ there must be an object"),
        (r#"{"type":"object","properties":{},"required":["a"]}"#,               "not among the properties"),
        (r#"{"type":"object","required":["a"]}"#,                               "not among the properties"),
        (r#"{"type":"string","format":"date","minLength":3}"#,                  "/minLength is a keyword"),
        (r#"{"type":"string","pattern":"^a$","maxLength":3}"#,                  "/maxLength is a keyword"),
        (r#"{"type":"string","pattern":"a"}"#,                                  "must begin with ^"),
        (r#"{"type":"string","pattern":"^.*$"}"#,                               "has a dot"),
        (r#"{"type":"string","pattern":"^\\d$"}"#,                              "write [0-9]"),
        (r#"{"type":"string","pattern":"^[^a]$"}"#,                             "has ^ or $"),
        (r#"{"type":"string","pattern":"^[ -~]$"}"#,                            "has a range"),
        (r#"{"type":"string","pattern":"^(?=a)a$"}"#,                           "has a group"),
        (r#"{"type":"string","pattern":"^\"$"}"#,                               "JSON must escape"),
        (r#"{"type":"string","enum":["a",1]}"#,                                 "not of the type string"),
        (r#"{"const":1,"type":"string"}"#,                                      "/type is a keyword"),
        (r#"{"anyOf":[{"not":{"type":"null"}}]}"#,                              "/anyOf/not is a keyword"),
        (r#"{"anyOf":[{"type":"null"}],"type":"object"}"#,                      "/type is a keyword"),
        (r#"{"oneOf":[{"type":"null"}]}"#,                                      "use anyOf"),
        (r#"{"allOf":[{"type":"string","minLength":3}]}"#,                      "as one schema"),
        (r#"{"$ref":"https://example.com/a.json"}"#,                            "must point into the schema"),
        (r##"{"$ref":"#/$defs/a","minLength":2,"$defs":{"a":{}}}"##,            "/minLength is a keyword"),
        (r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}"##,        "begins with itself"),
        (r#"{"type":"array","items":{"type":"null"},"minItems":5,"maxItems":2}"#, "the wrong way round"),
        (r#"{"type":"string","minLength":5,"maxLength":2}"#,                    "the wrong way round"),
        (r#"{"type":"#,                                                         "it is not JSON"),
        (r#"["a"]"#,                                                            "there must be an object"),
    ];
    for (text, part) in table {
        let error = schema(text).expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
    let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(70), "}".repeat(70));
    assert!(schema(&deep).unwrap_err().contains("nests deeper"));
}

#[test]
fn a_grammar_is_written_anew_as_it_was_read() {
    let text = "# a list\nroot ::= item (\", \" item){2,3} # twice or more\nitem ::= [a-c_\\-] | [^\\x00-\\U0010FFFE] |\n \"\\\"é\"? . \n";
    let once = grammar(text).unwrap();
    assert!(once.starts_with("root ::= r1 (\"\\U0000002C\\U00000020\" r1){2,3}\n"), "{once}");
    assert!(once.contains("[\\U0010FFFF-\\U0010FFFF]") && once.contains("\"\\U00000022\\U000000E9\"{0,1}"), "{once}");
    assert_eq!(grammar(&once).unwrap(), once);
}

#[test]
#[rustfmt::skip]
fn a_grammar_that_llama_cpp_would_stumble_over_never_reaches_it() {
    let (deep, long, wide) = (
        format!("root ::= {}\"a\"{}", "(".repeat(65), ")".repeat(65)),
        "x".repeat(MAX_BYTES + 1),
        format!("root ::= \"{}\"{{2000}}", "a".repeat(30_000)),
    );
    let ways: Vec<String> = (0..40).map(|at| format!("r{at} ::= r{next} \"a\" | r{next} \"b\"", next = at + 1)).collect();
    let ways = format!("root ::= r0\n{}\nr40 ::= \"x\"\n", ways.join("\n"));
    let table = [
        ("",                                        "no rule named root"),
        ("roots ::= \"a\"",                         "no rule named root"),
        ("root = \"a\"",                            "`::=` was expected after root"),
        ("root ::= \"a\nb",                         "it ends inside a text"),
        ("root ::= [a",                             "it ends inside a text or a class"),
        ("root ::= []",                             "has none in it"),
        ("root ::= [z-a]",                          "the wrong way round"),
        ("root ::= \"\\q\"",                        "\\q is no escape"),
        ("root ::= \"\\xZZ\"",                      "2 hexadecimal digits"),
        ("root ::= (\"a\"",                         "`)` was expected at its end"),
        ("root ::= \"a\" )",                        "the rule root was expected to end before `)`"),
        ("root ::= other",                          "the rule other is not defined"),
        ("root ::= \"a\"\nroot ::= \"b\"",          "defined twice"),
        ("root ::= <[5]>",                          "was expected to end before `<[5]>`"),
        ("root ::= \"a\"{5,2}",                     "the wrong way round"),
        ("root ::= \"a\"{2001}",                    "up to 2000"),
        ("root ::= \"a\"{-1}",                      "up to 2000"),
        ("root ::= \"a\"**",                        "one repetition follows another"),
        ("root ::= (\"a\"?)*",                      "repeats something that may be empty"),
        ("root ::= root \"a\"",                     "root begins with itself"),
        ("root ::= e root \"x\" | \"y\"\ne ::= f\nf ::= \"\"", "root begins with itself"),
        ("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"x\"", "in two ways that begin alike"),
        ("root ::= \"a\" (root \"b\")? (root \"c\")?", "in two ways that begin alike"),
        (&ways,                                     "ways into it"),
        (&deep,                                     "nests deeper"),
        (&long,                                     "are the most"),
        (&wide,                                     "when written out"),
    ];
    for (text, part) in table {
        let error = grammar(text).expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn grammars_as_people_write_them_are_fine() {
    let json = "root ::= object\nvalue ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n\
        object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" ws\n\
        array ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n\
        string ::= \"\\\"\" ( [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}) )* \"\\\"\" ws\n\
        number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws\n\
        ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n";
    let arithmetic =
        "root ::= (expr \"=\" term \"\\n\")+\nexpr ::= term ([-+*/] term)*\nterm ::= num | \"(\" expr \")\"\nnum ::= [0-9]+\n";
    let list = "root ::= item+\nitem ::= \"- \" [^\\r\\n]+ \"\\n\"\n";
    for text in [json, arithmetic, list] {
        grammar(text).unwrap_or_else(|why| panic!("{why}"));
    }
}

proptest! {
    #[test]
    fn reading_any_text_ends_and_what_was_written_reads_the_same(text in "root ::= [a-z\"\\[\\](){}|*+?.,0-9 \\\\^#\n:=-]{0,60}") {
        if let Ok(written) = grammar(&text) {
            prop_assert_eq!(grammar(&written).unwrap(), written);
        }
    }
}
