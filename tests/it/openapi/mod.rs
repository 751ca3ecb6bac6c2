//! `/api/openapi.json` and `/docs`: contract section 5. The client of all tests checks every response against the
//! document; here, the document must be whole and valid, and its examples must be the exact responses of the server
//! ([`replay`] plays them, tag by tag).

mod backend;
mod beyond;
mod calls;
mod fixture;
mod operation;
mod replay;
mod shared;
mod webhooks;

use std::collections::BTreeSet;

use chattrix::app;
use chattrix::clock::Clock;
use chattrix::settings::{AllowedOrigins, Settings};
use serde_json::Value;

use crate::support::document::{assert_valid, asyncapi, openapi, resolve};
use crate::support::{SECRET, TestServer};

use operation::{Operation, examples, operations};

/// Calls `visit` with every value in `value` and where it stands.
fn walk<'a>(value: &'a Value, place: &str, visit: &mut impl FnMut(&'a Value, &str)) {
    visit(value, place);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(field, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[rocket::async_test]
async fn the_documents_are_served_to_everybody_as_they_are_printed() {
    let server = TestServer::start().await;
    for (path, document) in [
        ("/api/openapi.json", openapi()),
        ("/api/asyncapi.json", asyncapi()),
    ] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.body, *document);
    }
}

#[test]
fn the_document_is_openapi_3_1_of_this_version() {
    assert_eq!(openapi()["openapi"], "3.1.0");
    assert_eq!(openapi()["info"]["version"], env!("CARGO_PKG_VERSION"));
    for operation in operations() {
        let described = operation.described;
        for text in ["operationId", "summary", "description"] {
            assert!(described[text].is_string(), "{}: {text}", operation.id());
        }
        assert_path_parameters(operation);
        let tags = openapi()["tags"].as_array().expect("tags");
        assert!(
            tags.iter().any(|tag| tag["name"] == described["tags"][0]),
            "{}",
            operation.id()
        );
        for response in described["responses"]
            .as_object()
            .expect("responses")
            .values()
        {
            let response = resolve(openapi(), response);
            assert!(
                response["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
    }
    let ids: BTreeSet<_> = operations().map(Operation::id).collect();
    assert_eq!(ids.len(), operations().count(), "operation ids are unique");
}

/// The parameters of the path are declared, and no others as such.
fn assert_path_parameters(operation: Operation) {
    let parameters = operation.described["parameters"].as_array();
    let declared: BTreeSet<_> = parameters
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "path")
        .map(|parameter| {
            assert_eq!(parameter["required"], true);
            parameter["name"].as_str().expect("a name")
        })
        .collect();
    let steps = operation.path.split('/');
    let used: BTreeSet<_> = steps
        .filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
        .collect();
    assert_eq!(declared, used, "{}", operation.id());
}

#[test]
fn openapi_references_resolve_and_schemas_are_used() {
    for document in [openapi(), asyncapi()] {
        let mut referred = BTreeSet::new();
        walk(document, "", &mut |value, place| {
            if value["$ref"].is_string() {
                assert!(!resolve(document, value).is_null(), "{place}");
                referred.insert(value["$ref"].as_str().expect("text"));
            }
        });
        for (name, schema) in document["components"]["schemas"]
            .as_object()
            .expect("schemas")
        {
            assert!(jsonschema::meta::is_valid(schema), "{name}");
            let reference = format!("#/components/schemas/{name}");
            assert!(referred.contains(reference.as_str()), "{name} is not used");
        }
    }
}

#[test]
fn every_example_is_as_documented() {
    for operation in operations() {
        let body = &operation.described["requestBody"]["content"]["application/json"];
        for (name, example) in operation.bodies() {
            let key = format!("{} body", operation.id());
            assert_valid(&key, openapi(), &body["schema"], example);
            assert!(!name.is_empty());
        }
        for (status, response) in operation.described["responses"]
            .as_object()
            .expect("responses")
        {
            let content = &resolve(openapi(), response)["content"]["application/json"];
            for (_, example) in examples(content) {
                let key = format!("{} {status}", operation.id());
                assert_valid(&key, openapi(), &content["schema"], example);
            }
        }
    }
    for (name, schema) in openapi()["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_valid(name, openapi(), schema, example);
        }
    }
}

#[rocket::async_test]
async fn openapi_lists_exactly_the_routes() {
    let directory = tempfile::tempdir().expect("a directory for the database");
    let settings = Settings {
        database: directory.path().join("chattrix.db"),
        jwt_secret: vec![SECRET.to_owned().into()],
        ..Settings::default()
    };
    let app =
        app::build(&settings, rocket::Config::figment(), Clock::System).expect("it can be built");
    let rocket = app.rocket.ignite().await.expect("it can be ignited");
    // What browsers ask before they ask is no interface either.
    let mounted: BTreeSet<_> = rocket
        .routes()
        .filter(|route| route.method != rocket::http::Method::Options)
        .map(|route| {
            (
                route.method.as_str().to_lowercase(),
                template(route.uri.as_str()),
            )
        })
        .filter(|(_, path)| !is_page(path))
        .collect();
    let documented: BTreeSet<_> = operations()
        .map(|operation| (operation.method.to_owned(), template(operation.path)))
        .collect();
    assert_eq!(documented, mounted);
}

/// Returns whether `path` belongs to a page, or is a script for pages: neither is part of the API.
fn is_page(path: &str) -> bool {
    ["/docs", "/console", "/admin", "/client.js"]
        .iter()
        .any(|page| path.starts_with(page))
}

/// `path` without the names of its parameters.
fn template(path: &str) -> String {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let is_parameter = |step: &str| step.starts_with(['<', '{']);
    let steps: Vec<_> = path
        .split('/')
        .map(|step| if is_parameter(step) { "*" } else { step })
        .collect();
    steps.join("/")
}

#[rocket::async_test]
async fn the_examples_in_plain_text_are_what_the_server_answers() {
    let server = TestServer::start().await;
    let mut compared = 0;
    for operation in operations() {
        let content = &operation.described["responses"]["200"]["content"]["text/plain"];
        if let Some(example) = content["example"].as_str() {
            let answer = server.anonymous().get(operation.path).await;
            let text = answer.body.as_str().expect("plain text");
            assert!(text.contains(example), "{}: {text}", operation.id());
            compared += 1;
        }
    }
    assert_eq!(compared, 2, "/healthz and /metrics");
}

#[rocket::async_test]
async fn the_page_is_served_whole_and_may_run_nothing_but_itself() {
    let server = TestServer::start().await;
    let page = fetch(&server, "/docs").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text().await.expect("a page");
    assert!(
        !html.contains("://") && !html.contains("<style") && !html.contains(" style="),
        "{html}"
    );
    // Everything that it names is there.
    let named = html
        .split('"')
        .filter(|text| text.starts_with("docs/") || text.starts_with("api/"));
    let named: BTreeSet<_> = named.collect();
    assert!(named.len() >= 6, "{named:?}");
    for path in named {
        let file = fetch(&server, &format!("/{path}")).await;
        assert_eq!(file.status(), 200, "{path}");
        assert_ne!(
            file.headers()["content-type"],
            "text/html; charset=utf-8",
            "{path}"
        );
    }
}

#[rocket::async_test]
async fn client_js_is_a_module_that_pages_import() {
    let server = TestServer::with(|settings| {
        settings.allowed_origins = AllowedOrigins::Listed(vec!["https://app.example.com".into()]);
    })
    .await;
    let request = crate::support::http_client().get(server.address().http("/client.js"));
    let request = request.header("Origin", "https://app.example.com");
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().expect("ASCII").to_owned();
    assert!(header("content-type").starts_with("text/javascript"));
    assert_eq!(
        header("access-control-allow-origin"),
        "https://app.example.com"
    );
    let script = response.text().await.expect("a script");
    assert!(
        script.contains(" as Calls") && !script.contains("import "),
        "{script}"
    );
}

#[rocket::async_test]
async fn the_page_with_a_slash_leads_to_the_one_without() {
    let server = TestServer::start().await;
    let page = fetch(&server, "/docs/").await;
    assert_eq!(page.url().path(), "/docs");
    assert_eq!(page.status(), 200);
}

async fn fetch(server: &TestServer, path: &str) -> reqwest::Response {
    crate::support::http_client()
        .get(server.address().http(path))
        .send()
        .await
        .expect("an answer")
}
