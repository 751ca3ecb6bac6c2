//! Examples in every command's help, as in `docs/commands.md`: each is run beside a server, or the table below gives
//! the reason why not.

use std::fs;

use crate::docs::text;
use crate::pasted::Reader;

/// What begins with this is not run here, because.
const NOT_HERE: [(&str, &str); 22] = [
    (
        "chattrix seed --dev",
        "it wants the world that serve --dev makes",
    ),
    ("chattrix serve", "it goes on for ever; pasted.rs starts it"),
    (
        "chattrix listen",
        "it goes on for ever; pasted.rs starts it",
    ),
    (
        "chattrix call watch",
        "it goes on for ever; cli_watch.rs and snapshots.rs start it",
    ),
    (
        "chattrix status --watch",
        "it goes on for ever; cli_admin.rs runs the command without it",
    ),
    (
        "chattrix load-test",
        "it takes the whole machine; load_test.rs runs it",
    ),
    (
        "chattrix db restore",
        "it wants the server stopped; pasted.rs runs it",
    ),
    (
        "chattrix db copy",
        "needs PostgreSQL and the server stopped; postgres.rs runs it",
    ),
    (
        "chattrix db nodes",
        "needs PostgreSQL; postgres.rs tests the list",
    ),
    (
        "chattrix doctor",
        "it leaves with 1 where the machine wants attention; cli_machine.rs runs it",
    ),
    (
        "chattrix webhook test",
        "it takes a receiver; webhooks.rs runs it",
    ),
    (
        "chattrix webhook retry",
        "it takes a receiver; webhooks.rs runs it",
    ),
    (
        "chattrix webhook pause",
        "it takes a receiver; webhooks.rs runs it",
    ),
    (
        "chattrix webhook resume",
        "it takes a receiver; webhooks.rs runs it",
    ),
    (
        "chattrix webhook create",
        "it needs a server that may reach the endpoint; cli_server.rs runs it",
    ),
    (
        "chattrix webhook rotate",
        "it needs a server that may reach the endpoint; cli_server.rs runs it",
    ),
    (
        "chattrix webhook delete",
        "it needs a server that may reach the endpoint; cli_server.rs runs it",
    ),
    ("chattrix healthcheck --port", "nothing is at that port"),
    ("chattrix man |", "there may be no man"),
    (
        "chattrix completions zsh",
        "its place is known to zsh alone",
    ),
    ("chattrix completions fish", "the folder is made by fish"),
    (
        "chattrix completions bash",
        "the folder is made by bash-completion",
    ),
];

/// The call of the examples.
const EXAMPLE_CALL: &str = "0192f0c1-7a4b-7c3d-8e5f-0123456789ab";

/// The examples, in the order of their commands.
fn examples() -> Vec<String> {
    let reference = text("docs/commands.md");
    let helps = reference.split("\nExamples:\n").skip(1);
    let lines = helps.flat_map(|help| help.lines().take_while(|line| !line.starts_with("```")));
    lines
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with("chattrix "))
        .map(str::to_owned)
        .collect()
}

/// What has to be so before `example` can be run.
fn before(example: &str) -> String {
    let words = shlex::split(example).expect("words");
    let mut words = words.iter().map(String::as_str).skip(1);
    match [words.next(), words.next(), words.next()] {
        [Some("user"), Some("add"), Some(user)] => {
            format!("chattrix user remove {user} 2>/dev/null || true")
        }
        [Some("db"), Some("backup"), Some(file)] => format!("rm -f \"{file}\""),
        [Some("call"), Some("show" | "end"), _] => format!(
            "chattrix call list --live --json | (grep -o '\"id\": \"[^\"]*' || true) | cut -d '\"' -f 4 |
                 while read -r live; do chattrix call end \"$live\"; done
             made=$(curl -sSf http://127.0.0.1:8000/api/v1/calls/initiate \
                 -H \"Authorization: Bearer $(chattrix token alice)\" -H 'Content-Type: application/json' \
                 -d '{{\"calleeId\": \"bob\", \"callType\": \"VIDEO\", \"channelId\": \"c\"}}')
             call=$(grep -o '\"id\":\"[^\"]*' <<<\"$made\" | head -n 1 | cut -d '\"' -f 4)
             # It stands for {EXAMPLE_CALL}."
        ),
        [..] => "for user in alice bob; do
                 chattrix user add $user --name Somebody 2>/dev/null || true
             done
             chattrix user enable alice"
            .to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_in_help_do_what_they_say() {
    let mut machine = Reader::on_a_machine();
    machine.install_program();
    machine.write(
        "Rocket.toml",
        "[default]\nport = 8000\n[default.chattrix]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\n",
    );
    for folder in ["var/backups", "usr/local/share/man/man1", "docs"] {
        fs::create_dir_all(machine.root().join(folder)).expect("a folder");
    }
    machine.start("chattrix serve", "listening on").await;
    machine.run(&before(""));
    machine.run(
        "chattrix token alice >token.txt; chattrix user export >staff.csv
         chattrix user export --json >users.json",
    );
    let mut run = 0;
    for example in examples() {
        if NOT_HERE
            .iter()
            .any(|(begins, _)| example.starts_with(begins))
        {
            continue;
        }
        // Another program, which is not everywhere, and reads what was printed.
        let ours = example.split(" | jq ").next().unwrap_or_default();
        let here = ours.replace(EXAMPLE_CALL, "$call");
        machine.run(&format!("{}\n{here}", before(&example)));
        run += 1;
    }
    assert!(run > 50, "only {run} were run: where are the others?");
}

/// A reason for an example that is no longer there is left over.
#[test]
fn every_example_that_is_not_run_is_there() {
    let examples = examples();
    for (begins, _) in NOT_HERE {
        let is_there = examples.iter().any(|example| example.starts_with(begins));
        assert!(is_there, "no example begins with {begins}");
    }
}
