//! An operation of the document and its examples.

use serde_json::Value;

use crate::support::document::{openapi, resolve};

/// An operation of the document.
#[derive(Clone, Copy)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub described: &'static Value,
}

/// All operations of the document.
pub fn operations() -> impl Iterator<Item = Operation> {
    let paths = openapi()["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        item.iter().map(move |(method, described)| Operation {
            method,
            path,
            described,
        })
    })
}

impl Operation {
    /// Its name.
    pub fn id(self) -> &'static str {
        self.described["operationId"].as_str().expect("an id")
    }

    /// Whether it takes an API key instead of a token.
    pub fn is_for_backends(self) -> bool {
        self.path.starts_with("/api/server/")
    }

    /// The name of its group.
    pub fn tag(self) -> &'static str {
        self.described["tags"][0].as_str().expect("a tag")
    }

    /// The path, with its parameters as in their examples, but for those that `given` has.
    pub fn path_with(self, given: &[(&str, &str)]) -> String {
        let parameters = self.described["parameters"].as_array();
        let of_path = parameters
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "path");
        of_path.fold(self.path.to_owned(), |path, parameter| {
            let name = parameter["name"].as_str().expect("a name");
            let example = parameter["example"].as_str().expect("an example");
            let value = given.iter().find(|(given, _)| *given == name);
            path.replace(
                &format!("{{{name}}}"),
                value.map_or(example, |(_, value)| value),
            )
        })
    }

    /// The examples of its bodies, by name.
    pub fn bodies(self) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
        examples(&self.described["requestBody"]["content"]["application/json"])
    }

    /// The example `name` of its body, or the first, or none where it has no body.
    pub fn body(self, name: &str) -> Option<Value> {
        let named = self.bodies().find(|(body, _)| *body == name);
        named
            .or_else(|| self.bodies().next())
            .map(|(_, body)| body.clone())
    }

    /// The examples of its JSON answers: status, name, value.
    pub fn answers(self) -> impl Iterator<Item = (u16, &'static str, &'static Value)> + use<> {
        let responses = self.described["responses"].as_object().expect("responses");
        responses.iter().flat_map(|(status, response)| {
            let content = &resolve(openapi(), response)["content"]["application/json"];
            examples(content).map(|(name, value)| (status.parse().expect("a status"), name, value))
        })
    }
}

/// The examples of `content`, by name.
pub fn examples(content: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let examples = content["examples"].as_object();
    let examples = examples.into_iter().flatten();
    examples.map(|(name, example)| (name.as_str(), &example["value"]))
}
