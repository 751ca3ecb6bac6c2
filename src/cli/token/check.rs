//! `chattrix token check`: would the server take this token, and if not, why.

use std::io::{self, Read};

use chattrix::auth::{Authenticator, MAX_TOKEN_BYTES, TokenError, claimed};
use chattrix::clock::{Clock, Timestamp};
use chattrix::settings::Settings;
use chattrix::user::AccountStatus;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::super::context::Context;
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
    read it from standard input. The exit code is 1 if the server would reject the token. The JSON \
    fields are ok, problem, claim, message, user, session, expiresAt and claims.")]
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
    refusal: Option<Refusal>,
}

/// Reason for a rejection.
struct Refusal {
    /// A word for programs.
    problem: &'static str,
    /// The claim that is to blame, if it is one.
    claim: Option<&'static str>,
    message: String,
}

impl Check {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let token = self.read()?;
        let now = Clock::System.now();
        let verdict = judge(&context, &authenticator, token.expose_secret(), now);
        if self.json {
            output::json(&verdict.to_json())?;
        } else {
            verdict.print(now)?;
        }
        match verdict.refusal {
            None => {
                output::tell("the server accepts this token");
                Ok(())
            }
            Some(Refusal { message, .. }) => Err(CliError::new(format!(
                "the server rejects this token: {message}"
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
    match authenticator.verify(token, now) {
        Ok(known) => Verdict {
            refusal: refusal_of_user(context, &known.user),
            session: Some(known.session.to_string()),
            claims,
        },
        Err(error) => Verdict {
            refusal: Some(refusal(error, &claims, &context.settings, now)),
            session: None,
            claims,
        },
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
        claim: Some("sub"),
        message,
    })
}

/// Describes the error of the token, with the wrong values.
fn refusal(
    error: TokenError,
    claims: &Map<String, Value>,
    settings: &Settings,
    now: Timestamp,
) -> Refusal {
    let is = |name: &str| {
        claims
            .get(name)
            .map(|value| shown(name, value, now))
            .unwrap_or_default()
    };
    let expected =
        |setting: &Option<String>| output::printable(setting.as_deref().unwrap_or_default());
    let (claim, message) = match error {
        TokenError::Malformed => (
            None,
            "not a valid JWT: expected three dot-separated parts, without quotes"
                .to_owned(),
        ),
        TokenError::WrongAlgorithm => (
            Some("alg"),
            "alg: the configured key does not allow this algorithm; expected HS256, HS384 or HS512 \
             with a secret, RS256, ES256 or EdDSA with a public key, by its type"
                .to_owned(),
        ),
        TokenError::BadSignature => (
            None,
            "the signature does not match the configured key; often one secret has an extra line \
             break"
                .to_owned(),
        ),
        TokenError::Expired => (Some("exp"), format!("exp: the token expired at {}", is("exp"))),
        TokenError::NotYetValid => (
            Some("nbf"),
            format!("nbf: the token is not valid before {}", is("nbf")),
        ),
        TokenError::WrongIssuer => (
            Some("iss"),
            format!(
                "iss: the issuer is {}, expected {} (jwt_issuer)",
                is("iss"),
                expected(&settings.jwt_issuer)
            ),
        ),
        TokenError::WrongAudience => (
            Some("aud"),
            format!(
                "aud: the audience is {}, expected {} (jwt_audience)",
                is("aud"),
                expected(&settings.jwt_audience)
            ),
        ),
        TokenError::MissingClaim(name) => (Some(name), format!("{name}: the claim is missing")),
        TokenError::BadClaim(name) => (
            Some(name),
            format!("{name}: {} is not a valid value", is(name)),
        ),
    };
    Refusal {
        problem: error.as_str(),
        claim,
        message,
    }
}

impl Verdict {
    fn to_json(&self) -> Value {
        let text = |name: &str| self.claims.get(name).cloned().unwrap_or_default();
        let expires_at = self.claims.get("exp").and_then(instant);
        json!({
            "ok": self.refusal.is_none(),
            "problem": self.refusal.as_ref().map(|refusal| refusal.problem),
            "claim": self.refusal.as_ref().and_then(|refusal| refusal.claim),
            "message": self.refusal.as_ref().map(|refusal| &refusal.message),
            "user": text("sub"),
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
        match &self.session {
            Some(session) => output::line(&format!("session  {}", output::printable(session))),
            None => Ok(()),
        }
    }
}

/// Returns the instant of a claim in seconds.
fn instant(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().filter(|seconds| *seconds >= 0)?;
    let at = Timestamp::from_millis(seconds.checked_mul(1000)?);
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
