//! Check of the server against its documents: every response of every test is checked against the OpenAPI document,
//! every message against the AsyncAPI one.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use chattrix::docs;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use super::Answer;

/// The OpenAPI document.
pub fn openapi() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(&docs::openapi()).expect("the document is JSON"))
}

/// The AsyncAPI document.
pub fn asyncapi() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(docs::ASYNCAPI).expect("the document is JSON"))
}

/// What `value` refers to in `document`, or itself.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else {
        return value;
    };
    let pointer = reference
        .strip_prefix('#')
        .expect("references stay in the document");
    let found = document.pointer(pointer);
    found.unwrap_or_else(|| panic!("{reference} refers to nothing"))
}

/// The operation of the OpenAPI document that a request is for, if it is for one.
pub fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = openapi()["paths"].as_object().expect("paths");
    // A path without parameters comes before one that has some (OpenAPI 3.1, section 4.8.8).
    let concrete = paths.get(path);
    let item = concrete.or_else(|| {
        let template = |template: &&String| is_of(path, template);
        paths.keys().find(template).map(|template| &paths[template])
    })?;
    item.get(method.as_str().to_ascii_lowercase())
}

/// Checks an answer: its status, its media type and its body are as documented for the request.
#[track_caller]
pub fn assert_documented(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else {
        let refused = (400..500).contains(&answer.status);
        assert!(refused, "{method} {path} is not documented: {answer:?}");
        return;
    };
    let what = format!("{method} {path}: {}", answer.status);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(!response.is_null(), "{what} is not documented: {answer:?}");
    let response = resolve(openapi(), response);
    for name in response["headers"].as_object().expect("headers").keys() {
        assert!(answer.header(name).is_some(), "{what}: no {name}");
    }
    let sent = answer.header("content-type").unwrap_or_default();
    let media_type = sent.split(';').next().unwrap_or_default();
    let content = &response["content"][media_type];
    assert!(!content.is_null(), "{what}: {sent:?} is not documented");
    let key = format!(
        "{method} {} {media_type}",
        response_key(operation, answer.status)
    );
    assert_valid(&key, openapi(), &content["schema"], &answer.body);
}

/// Checks a message of the server: it is as documented for its type.
#[track_caller]
pub fn assert_message_documented(message: &Value) {
    let kind = message["type"].as_str().unwrap_or_default();
    let messages = asyncapi()["components"]["messages"].as_object();
    let is_of_kind = |name: &Value| name == kind || (name == "app.*" && kind.starts_with("app."));
    let documented = messages.expect("messages").values().find(|documented| {
        let is_sent = documented["payload"]["properties"].get("data").is_some()
            == message.get("data").is_some();
        is_of_kind(&documented["name"]) && is_sent
    });
    let documented = documented.unwrap_or_else(|| panic!("{kind} is not documented: {message}"));
    assert_valid(kind, asyncapi(), &documented["payload"], message);
}

/// Checks `value` against `schema`, in which nothing may stand that it does not name: clients ignore
/// unknown fields, but the server has none.
#[track_caller]
pub fn assert_valid(key: &str, document: &Value, schema: &Value, value: &Value) {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, &'static Validator>>> = OnceLock::new();
    let validators = VALIDATORS.get_or_init(Mutex::default);
    let validator = *validators
        .lock()
        .expect("no test fails in here")
        .entry(key.to_owned())
        .or_insert_with(|| Box::leak(Box::new(strict(document, schema))));
    if let Err(error) = validator.validate(value) {
        panic!(
            "{key} is not as documented: {error} at {}: {value:#}",
            error.instance_path()
        );
    }
}

fn strict(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = json!({ "schemas": document["components"]["schemas"] });
    close(&mut whole);
    jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .expect("the documented schema is valid")
}

/// Lets every object hold its documented fields alone.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            // The parts of an `allOf` do not know each other's fields.
            let parts = fields.iter_mut().filter(|(name, _)| *name != "allOf");
            parts.for_each(|(_, part)| close(part));
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn response_key(operation: &Value, status: u16) -> String {
    format!("{} {status}", operation["operationId"])
}

/// Whether `path` is one of those that `template` means.
fn is_of(path: &str, template: &str) -> bool {
    let (path, template): (Vec<_>, Vec<_>) =
        (path.split('/').collect(), template.split('/').collect());
    path.len() == template.len()
        && path
            .iter()
            .zip(&template)
            .all(|(step, wanted)| wanted.starts_with('{') || step == wanted)
}
