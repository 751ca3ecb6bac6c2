//! `chattrix config` without a subcommand: the effective settings.

use chattrix::settings::{Origin, Setting, Settings, Value};
use serde_json::{Map, json};

use super::super::GlobalArgs;
use super::super::error::CliError;
use super::super::output::{self, Cell, Tint};
use super::super::table::{self, Column, Wide, text, whole};

const COLUMNS: [Column; 3] = [whole("SETTING"), text("VALUE"), text("FROM")];

pub fn run(global: &GlobalArgs, wide: Wide, as_json: bool) -> Result<(), CliError> {
    let settings = Settings::effective(&global.overrides())?;
    if as_json {
        let all: Map<_, _> = settings
            .iter()
            .map(|setting| {
                let shown = json!({ "value": to_json(&setting.value), "from": from(setting) });
                (setting.name.to_owned(), shown)
            })
            .collect();
        return Ok(output::json(&all.into())?);
    }
    let rows = settings.iter().map(|setting| {
        let tint = setting.origin.is_none().then_some(Tint::Faint);
        vec![
            Cell::from(setting.name),
            setting.value.to_string().into(),
            Cell::tinted(from(setting), tint),
        ]
    });
    Ok(table::print(&COLUMNS, rows, wide)?)
}

/// Where a value was given.
fn from(setting: &Setting) -> String {
    let origin: Option<&Origin> = setting.origin.as_ref();
    origin.map_or_else(|| "default".to_owned(), |origin| origin.short(setting.name))
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Absent => serde_json::Value::Null,
        Value::Number(number) => json!(number),
        Value::Switch(switch) => json!(switch),
        Value::List(items) => json!(items),
        Value::Text(_) | Value::Secret => json!(value.to_string()),
    }
}
