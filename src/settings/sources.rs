//! Sources over the defaults, each read into the same plain form: `Rocket.toml`, `CHATTRIX_*` variables, flags.

use std::ffi::OsString;
use std::path::Path;

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use super::error::Problem;
use super::layers::{Given, Origin, PREFIX, Raw, TABLE};
use super::{Overrides, keys};

/// Variable after the prefix that is no setting: the API key of commands with `--server`.
const API_KEY: &str = "API_KEY";

/// Reads `Rocket.toml` (and `ROCKET_CHATTRIX`, which is the same to Rocket) in the selected profile. Values in tables
/// that are not read are problems.
pub(super) fn from_file(figment: &Figment, problems: &mut Vec<Problem>) -> Vec<Given> {
    let Ok(profiles) = figment.data() else {
        // The same error again, with the file it is about.
        problems.extend(figment.find_value(TABLE).err().map(unreadable));
        return Vec::new();
    };
    for (profile, table) in &profiles {
        misplaced(figment, profile, table, problems);
    }
    // Rocket reads these without complaint only when it launches, and ends the process over them.
    if let Err(error) = rocket::Config::try_from(figment) {
        problems.push(Problem::File(error.to_string()));
    }
    let Ok(ours) = figment.find_value(TABLE) else {
        return Vec::new();
    };
    let origin = |value: &Value| {
        let tag = value.tag();
        // A tag knows only Rocket's own two profiles by name; any other is the selected one.
        let profile = tag.profile().unwrap_or_else(|| figment.profile().clone());
        Origin::rocket(figment.get_metadata(tag), &profile)
    };
    let Value::Dict(_, table) = &ours else {
        let place = origin(&ours).place(TABLE);
        problems.push(Problem::File(format!(
            "{place} is {}: expected a table",
            Raw::from(&ours)
        )));
        return Vec::new();
    };
    table
        .iter()
        .map(|(name, value)| Given {
            name: name.clone(),
            raw: Raw::from(value),
            origin: origin(value),
        })
        .collect()
}

/// Finds settings of ours beside our table, where Rocket would ignore them silently.
fn misplaced(figment: &Figment, profile: &Profile, table: &Dict, problems: &mut Vec<Problem>) {
    let is_ours = |name: &str| keys::find(name).is_some();
    // Rocket's own `log_level` has the same name as one of ours.
    let stray = table
        .keys()
        .find(|name| is_ours(name) && *name != "log_level");
    let near = table
        .keys()
        .find(|name| *name != TABLE && strsim::damerau_levenshtein(name, TABLE) <= 2);
    let source = |name: &String| {
        let metadata = table
            .get(name)
            .and_then(|value| figment.get_metadata(value.tag()));
        match Origin::rocket(metadata, profile) {
            Origin::Rocket { source, .. } => source,
            Origin::Variable | Origin::RocketVariable | Origin::Flag | Origin::DevWorld => {
                String::new()
            }
        }
    };
    if *profile == Profile::const_new(TABLE) && figment.profile() != profile {
        let source = table.keys().next().map_or_else(String::new, source);
        problems.push(Problem::File(format!(
            "{source} has an unknown table [{TABLE}]: expected [default.{TABLE}]"
        )));
    } else if let Some(name) = stray {
        let source = source(name);
        problems.push(Problem::File(format!(
            "{name} is in [{profile}] of {source}: expected it in [{profile}.{TABLE}]"
        )));
    } else if let Some(name) = near {
        let source = source(name);
        problems.push(Problem::File(format!(
            "unknown table [{profile}.{name}] ({source}); did you mean [{profile}.{TABLE}]?"
        )));
    }
}

/// Returns the error of a file that is not TOML, as a sentence.
fn unreadable(error: figment::Error) -> Problem {
    let source = error
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.source.as_ref());
    let file = source.map_or_else(|| "Rocket.toml".to_owned(), ToString::to_string);
    let causes: Vec<_> = error
        .into_iter()
        .map(|one| without_excerpt(&one.kind.to_string()))
        .collect();
    Problem::File(format!("cannot read {file}: {}", causes.join("; ")))
}

/// TOML's errors show the line of the error, which may hold a secret.
fn without_excerpt(error: &str) -> String {
    let is_excerpt = |line: &&str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        rest.starts_with('|')
    };
    let told: Vec<_> = error.lines().filter(|line| !is_excerpt(line)).collect();
    told.join(": ")
}

/// What the `CHATTRIX_*` variables give: the text of each as it is, digits or not.
/// Also returns the names of the variables that Kubernetes sets, which are ignored.
pub(super) fn from_variables(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> (Vec<Given>, Vec<String>) {
    let mut given = Vec::new();
    let mut ignored = Vec::new();
    for (variable, value) in variables {
        let variable = variable.to_string_lossy();
        if variable == "ROCKET_CONFIG" && !is_file(Path::new(&value)) {
            let file = value.display();
            problems.push(Problem::File(format!(
                "the variable ROCKET_CONFIG names {file}, which does not exist"
            )));
        }
        let Some((prefix, name)) = variable.split_at_checked(PREFIX.len()) else {
            continue;
        };
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            continue;
        }
        // A variable in lower case would be ours on Windows and ignored elsewhere.
        let exact = prefix == PREFIX && name == name.to_ascii_uppercase();
        let lower = name.to_ascii_lowercase();
        if exact && name == API_KEY {
            continue;
        }
        let (true, Ok(text)) = (exact, value.into_string()) else {
            let suggestion = keys::similar(&lower).map(|name| Origin::Variable.spelling(name));
            problems.push(Problem::Variable {
                name: variable.into_owned(),
                exact,
                suggestion,
            });
            continue;
        };
        if keys::find(&lower).is_none() && is_kubernetes_service(&lower, &text) {
            ignored.push(variable.into_owned());
            continue;
        }
        given.push(Given {
            name: lower,
            raw: Raw::of_variable(text),
            origin: Origin::Variable,
        });
    }
    ignored.sort_unstable();
    (given, ignored)
}

/// Returns true if `name` (in lower case, after the prefix) has the shape of the variables that Kubernetes adds to
/// every pod for a Service named `chattrix` or `chattrix-…`: `SERVICE_HOST`, `SERVICE_PORT`, `SERVICE_PORT_HTTP`,
/// `PORT=tcp://…`, `PORT_8000_TCP`, `PORT_8000_TCP_ADDR`. A number in `PORT` is a mistake for `ROCKET_PORT`.
fn is_kubernetes_service(name: &str, value: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];
    let is_end = |end: &str| name == end || name.ends_with(&format!("_{end}"));
    let is_url = PROTOCOLS
        .iter()
        .any(|protocol| value.starts_with(&format!("{protocol}://")));
    let words: Vec<_> = name.split('_').collect();
    let has_named_port = words.windows(2).any(|pair| pair == ["service", "port"]);
    let has_numbered_port = words.windows(3).any(|three| {
        three[0] == "port" && three[1].parse::<u16>().is_ok() && PROTOCOLS.contains(&three[2])
    });
    is_end("service_host") || has_named_port || has_numbered_port || (is_end("port") && is_url)
}

/// Returns a problem if the file of `--config` does not exist.
pub(super) fn missing_file(overrides: &Overrides) -> Option<Problem> {
    let file = overrides.config.as_ref().filter(|file| !file.is_file())?;
    let file = file.display();
    Some(Problem::File(format!(
        "the flag --config names {file}, which is not a file"
    )))
}

/// Returns true if Rocket would find that file: as named, or upwards from the working directory.
fn is_file(path: &Path) -> bool {
    let Ok(here) = std::env::current_dir() else {
        return path.is_file();
    };
    path.is_file() || (path.is_relative() && here.ancestors().any(|up| up.join(path).is_file()))
}

/// Returns the values of the flags for our settings.
pub(super) fn from_flags(overrides: &Overrides) -> Vec<Given> {
    let database = overrides.database.iter().map(|database| Given {
        name: "database".to_owned(),
        raw: Raw::Text(database.to_string_lossy().into_owned()),
        origin: Origin::Flag,
    });
    database.collect()
}
