//! `chattrix config docs`.

use chattrix::settings::{Setting, Settings, Value};

use super::super::error::CliError;
use super::super::output;

/// What stands around the table.
const PAGE: &str = include_str!("settings.md");

pub fn run() -> Result<(), CliError> {
    Ok(output::text(&page())?)
}

/// The reference of all settings, in Markdown.
fn page() -> String {
    let rows: String = Settings::reference().iter().map(row).collect();
    PAGE.replace("{settings}\n", &rows)
}

fn row(setting: &Setting) -> String {
    let default = match &setting.value {
        Value::Absent | Value::Secret => "none".to_owned(),
        Value::List(items) if items.is_empty() => "none".to_owned(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| format!("`{item}`")).collect();
            items.join(", ")
        }
        written @ (Value::Text(_) | Value::Number(_) | Value::Switch(_)) => {
            format!("`{written}`")
        }
    };
    format!("| `{}` | {default} | {} |\n", setting.name, setting.purpose)
}
