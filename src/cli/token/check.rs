//! `chattrix token check`: whether the server accepts a token, the key that verifies it, and every claim that fails.

use std::io::{self, Read};
use std::time::Duration;

use chattrix::auth::{Authenticator, KeyName, MAX_TOKEN_BYTES, TokenError, claimed};
use chattrix::clock::{Clock, Timestamp};
use chattrix::settings::Settings;
use chattrix::user::AccountStatus;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::super::context::Context;
use super::super::control_client::runtime;
use super::super::error::CliError;
use super::super::{GlobalArgs, format, output};

/// The claims that the server looks at, in the order in which they are shown.
const CLAIMS: [&str; 10] = [
    "sub", "iss", "aud", "iat", "nbf", "exp", "sid", "jti", "name", "picture",
];

/// The arguments of `chattrix token check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix token check - <token.txt\n  \
    chattrix token alice | chattrix token check -\n  \
    xclip -o | chattrix token check - --json\n\n\
    A token in an argument stays in the shell history and is visible in the process list; use - to \
    read it from standard input. The keys of an identity provider are loaded. The exit code is 1 if \
    the server would reject the token. The JSON fields are ok, problem, claim, message, problems \
    (a list of {problem, claim, message}), key ({source, kid}), user, session, expiresAt and \
    claims.")]
pub struct Check {
    /// Check this token; - reads it from standard input
    #[arg(value_name = "TOKEN|-")]
    token: SecretString,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Result of the check.
struct Verdict {
    claims: Map<String, Value>,
    session: Option<String>,
    user: Option<String>,
    key: Option<KeyName>,
    /// Every reason for a rejection, the first one first.
    refusals: Vec<Refusal>,
}

/// Reason for a rejection.
struct Refusal {
    /// A word for programs.
    problem: &'static str,
    /// The claim that is to blame, if it is one.
    claim: Option<String>,
    message: String,
}

impl Check {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let token = self.read()?;
        if let Err(problem) = runtime()?.block_on(authenticator.fetch()) {
            output::tell(&format!(
                "warning: cannot load the keys of the identity provider: {problem}"
            ));
        }
        let now = Clock::System.now();
        let verdict = judge(&context, &authenticator, token.expose_secret(), now);
        if self.json {
            output::json(&verdict.to_json())?;
        } else {
            verdict.print(now)?;
        }
        let messages: Vec<_> = verdict
            .refusals
            .iter()
            .map(|refusal| refusal.message.as_str())
            .collect();
        match messages.as_slice() {
            [] => {
                output::tell("the server accepts this token");
                Ok(())
            }
            messages => Err(CliError::new(format!(
                "the server rejects this token: {}",
                messages.join("; ")
            ))),
        }
    }

    /// Reads the token as it is in a header or a file.
    fn read(&self) -> Result<SecretString, CliError> {
        let given = self.token.expose_secret();
        let mut text = given.to_owned();
        if given == "-" {
            text.clear();
            // Twice the length: enough to see that it is too long.
            let limit = 2 * MAX_TOKEN_BYTES as u64;
            io::stdin()
                .take(limit)
                .read_to_string(&mut text)
                .map_err(|error| {
                    CliError::new(format!(
                        "cannot read the token from standard input: {error}"
                    ))
                })?;
        }
        let text = text.trim();
        Ok(text.strip_prefix("Bearer ").unwrap_or(text).trim().into())
    }
}

fn judge(context: &Context, authenticator: &Authenticator, token: &str, now: Timestamp) -> Verdict {
    let claims = claimed(token).unwrap_or_default();
    let examined = authenticator.examine(token, now);
    let issuer = authenticator.issuer().unwrap_or_default();
    let errors = examined.errors.into_iter();
    let mut refusals: Vec<_> = errors
        .map(|error| refusal(error, &claims, &context.settings, issuer, now))
        .collect();
    let known = examined.claims.as_ref();
    refusals.extend(known.and_then(|known| refusal_of_user(context, &known.user)));
    Verdict {
        session: known.map(|known| known.session.to_string()),
        user: known.map(|known| known.user.to_string()),
        key: examined.key.map(|key| KeyName::clone(&key)),
        refusals,
        claims,
    }
}

/// Returns why the server rejects the user. An unreadable database is only a warning here.
fn refusal_of_user(context: &Context, user: &chattrix::user::UserId) -> Option<Refusal> {
    let database = context.database_to_read();
    let known = match database.and_then(|database| Ok(database.user(user)?)) {
        Ok(known) => known,
        Err(failure) => {
            output::tell(&format!(
                "warning: cannot check whether {user} exists: {failure}"
            ));
            return None;
        }
    };
    let (problem, message) = match known.map(|user| user.standing) {
        Some(AccountStatus::Active) => return None,
        None if context.settings.auto_provision => return None,
        Some(AccountStatus::Disabled) => (
            "disabled_user",
            format!("sub: {user} is disabled; chattrix user enable {user}"),
        ),
        None => (
            "unknown_user",
            format!("sub: there is no user {user}; chattrix user add {user} --name NAME"),
        ),
    };
    Some(Refusal {
        problem,
        claim: context.settings.user_id_claim.first().cloned(),
        message,
    })
}

/// Describes the error of the token, with the wrong values.
fn refusal(
    error: TokenError,
    claims: &Map<String, Value>,
    settings: &Settings,
    issuer: &str,
    now: Timestamp,
) -> Refusal {
    let claim = |name: &str| Some(name.to_owned());
    let is = |name: &str| {
        claims
            .get(name)
            .map(|value| shown(name, value, now))
            .unwrap_or_default()
    };
    let problem = error.as_str();
    let (claim, message) = match error {
        TokenError::Malformed => (
            None,
            "not a valid JWT: expected three dot-separated parts, without quotes"
                .to_owned(),
        ),
        TokenError::WrongAlgorithm => (
            claim("alg"),
            "alg: no configured key allows this algorithm; expected HS256, HS384 or HS512 with a \
             secret, RS256, ES256 or EdDSA with a public key, by its type; `chattrix keys list` shows \
             the keys"
                .to_owned(),
        ),
        TokenError::BadSignature => (
            None,
            "the signature does not match the configured key; often one secret has an extra line \
             break"
                .to_owned(),
        ),
        TokenError::UnknownKey => (
            claim("kid"),
            "kid: the identity provider has no such key; the token is of another provider, realm or \
             tenant, or its key was withdrawn (`chattrix keys list`)"
                .to_owned(),
        ),
        TokenError::KeysUnavailable => (
            None,
            "the keys of the identity provider are not available: run `chattrix config check`"
                .to_owned(),
        ),
        TokenError::Expired => (claim("exp"), format!("exp: the token expired at {}", is("exp"))),
        TokenError::NotYetValid => (
            claim("nbf"),
            format!("nbf: the token is not valid before {}", is("nbf")),
        ),
        TokenError::WrongIssuer => (
            claim("iss"),
            format!(
                "iss: the issuer is {}, expected {} (jwt_issuer, jwt_issuer_url)",
                is("iss"),
                output::printable(issuer)
            ),
        ),
        TokenError::WrongAudience => (
            claim("aud"),
            format!(
                "aud: the audience is {}, expected {} (jwt_audience)",
                is("aud"),
                output::printable(&settings.jwt_audience.join(" or "))
            ),
        ),
        TokenError::MissingClaim(name) => {
            let message = format!("{name}: the claim is missing");
            (Some(name.into_owned()), message)
        }
        TokenError::BadClaim(name) => {
            let message = format!("{name}: {} is not a valid value", is(&name));
            (Some(name.into_owned()), message)
        }
        TokenError::RequiredClaim(condition) => {
            let name = condition.split(' ').next().unwrap_or_default().to_owned();
            let message = format!(
                "{name}: the value is {}, expected {condition} (jwt_required_claims)",
                if claims.contains_key(&name) { is(&name) } else { "not there".to_owned() },
            );
            (Some(name), message)
        }
    };
    Refusal {
        problem,
        claim,
        message,
    }
}

impl Verdict {
    fn to_json(&self) -> Value {
        let text = |name: &str| self.claims.get(name).cloned().unwrap_or_default();
        let expires_at = self.claims.get("exp").and_then(instant);
        let first = self.refusals.first();
        json!({
            "ok": first.is_none(),
            "problem": first.map(|refusal| refusal.problem),
            "claim": first.and_then(|refusal| refusal.claim.as_ref()),
            "message": first.map(|refusal| &refusal.message),
            "problems": self.refusals.iter().map(Refusal::to_json).collect::<Vec<_>>(),
            "key": self.key.as_ref().map(|key| json!({ "source": key.source, "kid": key.kid })),
            "user": self.user.as_ref().map_or_else(|| text("sub"), |user| json!(user)),
            "session": self.session,
            "expiresAt": expires_at.map(|at| at.to_string()),
            "claims": self.claims,
        })
    }

    fn print(&self, now: Timestamp) -> io::Result<()> {
        for name in CLAIMS {
            if let Some(value) = self.claims.get(name) {
                output::line(&format!("{name:8} {}", shown(name, value, now)))?;
            }
        }
        if let Some(session) = &self.session {
            output::line(&format!("session  {}", output::printable(session)))?;
        }
        match &self.key {
            Some(key) => output::line(&format!("key      {}", shown_key(key))),
            None => Ok(()),
        }
    }
}

impl Refusal {
    fn to_json(&self) -> Value {
        json!({ "problem": self.problem, "claim": self.claim, "message": self.message })
    }
}

/// Formats the name of a key: `kid a1 of jwt_issuer_url https://login.example.com`.
fn shown_key(key: &KeyName) -> String {
    let source = output::printable(&key.source);
    match &key.kid {
        Some(kid) => format!("kid {} of {source}", output::printable(kid)),
        None => source,
    }
}

/// Returns the instant of a claim in seconds, with or without a fraction.
fn instant(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    let ms = i64::try_from(since.as_millis()).ok()?;
    let at = Timestamp::from_millis(ms);
    (at <= Timestamp::MAX).then_some(at)
}

/// Formats the value of a claim. The token may be hostile.
fn shown(name: &str, value: &Value, now: Timestamp) -> String {
    let at = match name {
        "exp" | "nbf" | "iat" => instant(value),
        _ => None,
    };
    match (at, value) {
        (Some(at), _) => format!("{at} ({})", format::ago(at, now)),
        (None, Value::String(text)) => output::printable(text),
        (None, other) => output::printable(&other.to_string()),
    }
}
