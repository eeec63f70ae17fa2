//! The schemas, the examples and the intake that the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hob_core::prompt::{PromptId, Sampling};
use hob_wire::properties::Properties;
use hob_wire::request::{Ask, Defaults, Intake, Refusal};
use hob_wire::topics::Topics;
use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

/// Where relative references between schemas start from.
const BASE: &str = "https://hob.example/";

/// A file of this crate.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A JSON file of this crate.
pub(crate) fn json_file(path: &str) -> Value {
    let text = fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names, without `.json`, of the files in a folder; sorted.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(file(folder)).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap()).strip_suffix(".json").unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Closes every object below the top, so that a field that the schema forgot does not pass unseen.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// The schema of that name, closed.
pub(crate) fn schema(name: &str) -> Validator {
    static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
        let mut registry = Registry::new().draft(Draft::Draft202012);
        for name in names("schemas") {
            let mut schema = json_file(&format!("schemas/{name}.json"));
            schema.as_object_mut().unwrap().values_mut().for_each(close);
            registry = registry.add(format!("{BASE}{name}.json"), schema).unwrap();
        }
        registry.prepare().unwrap()
    });
    let closed = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("{BASE}{name}.json"),
        "unevaluatedProperties": false
    });
    jsonschema::options().with_registry(&REGISTRY).offline().should_validate_formats(true).build(&closed).unwrap()
}

/// Says what a schema has against a value.
pub(crate) fn objections(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// The intake of device `pi`, which may answer below `hob/` and `app/`.
pub(crate) fn intake() -> Intake {
    Intake {
        topics: Topics::new("hob", "pi").unwrap(),
        replies: vec!["hob/".to_owned(), "app/".to_owned()],
        defaults: Defaults { max_tokens: 256, system: Some("Be brief.".to_owned()), sampling: Sampling::default() },
    }
}

/// An id.
pub(crate) fn id(text: &str) -> PromptId {
    PromptId::new(text).unwrap()
}

/// Reads an ask; ids are made up as `made-up`.
pub(crate) fn ask(payload: impl AsRef<[u8]>, properties: &Properties) -> Result<Ask, Box<Refusal>> {
    intake().ask(payload.as_ref(), properties, || id("made-up"))
}
