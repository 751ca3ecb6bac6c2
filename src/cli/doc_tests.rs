//! Test: the parser accepts every command line of this program in the documents and in help.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::Cli;

/// What stands for any command.
const STAND_INS: [&str; 2] = ["…", " COMMAND"];

/// The documents of the project, and what stands in them.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in [root.to_owned(), root.join("docs"), root.join("deploy")] {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            let is_text = path
                .extension()
                .is_some_and(|end| end == "md" || end == "yaml");
            if is_text {
                let text = fs::read_to_string(&path).expect("a text");
                found.push((path, text));
            }
        }
    }
    found
}

/// The lines of shell of a document: in its blocks, in the examples of help, in the comments of samples. Those that
/// go on are one.
fn shell_lines(text: &str) -> Vec<String> {
    let (mut in_block, mut lines) = (false, Vec::<String>::new());
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            in_block = ["```sh", "```console"].contains(&line);
            continue;
        }
        let comment = line.strip_prefix("#   ").unwrap_or(line);
        let line = line.strip_prefix("$ ").unwrap_or(comment);
        // What follows in a further column explains it.
        let line = match line.split_once("   ") {
            Some((command, _)) if !in_block => command,
            Some(_) | None => line,
        };
        match lines.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push_str(line);
            }
            Some(_) | None if in_block || (line.starts_with("chattrix ") && !is_usage(line)) => {
                lines.push(line.to_owned());
            }
            Some(_) | None => (),
        }
    }
    lines
}

/// Whether a line of help is of its usage, with names for values: `<COMMAND>`.
fn is_usage(line: &str) -> bool {
    let mut values = line.split('<').skip(1);
    line.contains("[OPTIONS]") || values.any(|rest| rest.starts_with(char::is_uppercase))
}

/// The arguments of every `chattrix` that `line` would run.
fn ours(line: &str) -> Vec<Vec<String>> {
    let mut line = line.to_owned();
    let mut found = Vec::new();
    while let Some((before, rest)) = line.clone().split_once("$(") {
        let (inner, after) = rest.split_once(')').expect("a substitution ends");
        found.extend(ours(inner));
        line = format!("{before}X{after}");
    }
    let words = shlex::split(&line).unwrap_or_else(|| panic!("no line of shell: {line}"));
    for words in words.split(|word| ["|", "||", "&&", ";", "&"].contains(&word.as_str())) {
        let mut words = words.iter().map(String::as_str).peekable();
        while words.next_if(|word| word.contains('=')).is_some() {}
        if words.next_if_eq(&"sudo").is_some() && words.next_if_eq(&"-u").is_some() {
            words.next();
        }
        let program = match words.next() {
            Some("sh") if words.next() == Some("-c") => {
                found.extend(words.next().map(ours).unwrap_or_default());
                continue;
            }
            Some("docker") => words.find(|word| word.starts_with('/')),
            program => program,
        };
        if program.is_some_and(|word| Path::new(word).ends_with("chattrix")) {
            let until = |word: &&str| !word.starts_with(['<', '>']);
            found.push(words.take_while(until).map(str::to_owned).collect());
        }
    }
    found
}

/// What is wrong with a command line, if anything.
fn wrong(args: &[String]) -> Option<clap::Error> {
    let words = ["chattrix"]
        .into_iter()
        .chain(args.iter().map(String::as_str));
    let error = Cli::command().try_get_matches_from(words).err()?;
    // Help and versions are asked for.
    error.use_stderr().then_some(error)
}

#[test]
fn every_command_line_of_the_documents_is_understood() {
    let mut seen = 0;
    for (path, text) in documents() {
        for line in shell_lines(&text) {
            for args in ours(&line) {
                seen += 1;
                if let Some(error) = wrong(&args) {
                    panic!("{}: {line}\n{error}", path.display());
                }
            }
        }
    }
    assert!(seen > 120, "only {seen} were found: where are the others?");
}

/// What stands between back quotes: the command, without what may be left out, and with each of that.
fn forms(mention: &str) -> Vec<String> {
    let mut parts = mention.split('[');
    let command = parts.next().unwrap_or_default().to_owned();
    let optional = parts.filter_map(|part| part.split(']').next());
    let alternatives = optional.flat_map(|part| part.split("\\|"));
    let with = alternatives
        .filter(|part| part.trim_start().starts_with('-'))
        .map(|part| format!("{command} {part}"));
    with.chain([command.clone()]).collect()
}

/// A mention may leave out arguments, or stand for them with a word; commands and flags must be there.
#[test]
fn every_command_named_in_the_docs_exists() {
    let mut seen = 0;
    for (path, text) in documents() {
        let quoted = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        let mentions = quoted.filter(|words| {
            words.contains("chattrix ") && !STAND_INS.iter().any(|any| words.contains(any))
        });
        for args in mentions.flat_map(forms).flat_map(|form| ours(&form)) {
            seen += 1;
            match wrong(&args).map(|error| error.kind()) {
                None
                | Some(
                    ErrorKind::MissingRequiredArgument
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::InvalidValue
                    | ErrorKind::ValueValidation,
                ) => (),
                Some(kind) => panic!("{}: chattrix {}: {kind}", path.display(), args.join(" ")),
            }
        }
    }
    assert!(seen > 50, "only {seen} were found: where are the others?");
}
