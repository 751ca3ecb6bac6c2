//! `chattrix config docs`.

use chattrix::settings::{Setting, Settings, Value};

use super::super::error::CliError;
use super::super::output;

/// What stands around the table.
const PAGE: &str = include_str!("settings.md");

/// Part of `Rocket.toml` above our table.
const TOML_HEAD: &str = include_str!("head.toml");

/// Length of a comment line in `Rocket.toml`.
const TOML_WIDTH: usize = 118;

pub fn run(as_toml: bool) -> Result<(), CliError> {
    let text = if as_toml { rocket_toml() } else { page() };
    Ok(output::text(&text)?)
}

/// Returns `Rocket.toml` with every setting and its default.
fn rocket_toml() -> String {
    let mut text = TOML_HEAD.to_owned();
    let mut group = "";
    for setting in Settings::reference() {
        if setting.group != group {
            group = setting.group;
            text.push_str("\n## ");
            text.push_str(group);
            text.push('\n');
        }
        text.push_str(&toml_line(&setting));
    }
    text
}

/// Returns the purpose of a setting as a comment, and the setting; commented out if it has no default.
fn toml_line(setting: &Setting) -> String {
    let mut comment = String::from("#");
    let mut length = comment.len();
    for word in setting.purpose.split_whitespace() {
        if length + 1 + word.len() > TOML_WIDTH {
            comment.push_str("\n#");
            length = 1;
        }
        comment.push(' ');
        comment.push_str(word);
        length += 1 + word.len();
    }
    let name = setting.name;
    match (&setting.value, setting.example) {
        (Value::Absent | Value::Secret, None) => format!("{comment}\n"),
        (Value::Absent | Value::Secret, Some(example)) => {
            format!("{comment}\n#{name} = {example}\n")
        }
        (Value::Text(text), _) => format!("{comment}\n{name} = {text:?}\n"),
        (Value::List(items), _) => format!("{comment}\n{name} = {items:?}\n"),
        (value @ (Value::Number(_) | Value::Switch(_)), _) => {
            format!("{comment}\n{name} = {value}\n")
        }
    }
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
    let restart = setting.restart.map_or("", |_| " Needs a restart.");
    format!(
        "| `{}` | {default} | {}{restart} |\n",
        setting.name, setting.purpose
    )
}
