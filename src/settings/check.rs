//! Checks of pairs of settings.

use std::path::Path;

use crate::regular_file;

use super::error::Problem;
use super::keys::Origins;
use super::layers::Origin;
use super::{Overrides, Settings};

/// Adds a problem for each pair of settings that contradict each other.
pub(super) fn contradictions(
    settings: &Settings,
    origins: &Origins,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) {
    if let Some(kind) = unsuitable_kind(&settings.database) {
        let file = settings.database.display();
        problems.push(Problem::File(format!(
            "database names {file}, which is {kind}: expected a regular file, or a name that is free"
        )));
    }
    let place = |name: &'static str| {
        origins
            .get(name)
            .map_or_else(|| format!("{name} (the default)"), |from| from.place(name))
    };
    let mut refuse = |first, second, why: String| {
        let both = format!("{} and {}", place(first), place(second));
        problems.push(Problem::Contradiction(format!("{both} {why}")));
    };
    if settings.agora_app_id.is_some() != settings.agora_app_certificate.is_some() {
        refuse(
            "agora_app_id",
            "agora_app_certificate",
            "belong together: set both, or neither for a server without Agora tokens".to_owned(),
        );
    }
    let providers = [
        ("jwt_issuer_url", settings.jwt_issuer_url.is_some()),
        ("jwt_jwks_url", settings.jwt_jwks_url.is_some()),
        ("jwt_jwks_file", settings.jwt_jwks_file.is_some()),
    ];
    let mut set = providers.iter().filter(|(_, is_set)| *is_set);
    if let (Some((first, _)), Some((second, _))) = (set.next(), set.next()) {
        refuse(
            first,
            second,
            "are both set: expected one source of the provider's keys, remove one".to_owned(),
        );
    }
    if !settings.webhook_secret.is_empty() && settings.webhook_secret_file.is_some() {
        refuse(
            "webhook_secret",
            "webhook_secret_file",
            "are both set: remove one".to_owned(),
        );
    }
    let doubled = settings.webhooks.iter().map(|webhook| &webhook.url);
    if let Some(url) = doubled
        .into_iter()
        .find(|url| settings.webhook_url.contains(url))
    {
        refuse(
            "webhooks",
            "webhook_url",
            format!("both name {url:?}: remove one"),
        );
    }
    if settings.ping_interval >= settings.idle_timeout {
        let ping = humantime::format_duration(settings.ping_interval);
        let idle = humantime::format_duration(settings.idle_timeout);
        refuse(
            "ping_interval",
            "idle_timeout",
            format!(
                "are {ping} and {idle}: expected the first to be shorter, so that a connection is \
                 pinged before it counts as idle"
            ),
        );
    }
    if settings.turn_secret.is_none()
        && let Some(turn) = settings
            .ice_servers
            .iter()
            .find(|url| url.starts_with("turn"))
    {
        refuse(
            "ice_servers",
            "turn_secret",
            format!(
                "do not match: {turn} needs passwords, which are derived from the secret shared \
                 with the TURN server"
            ),
        );
    }
    if let Some(address) = overrides.address
        && overrides.dev.is_some()
        && !address.is_loopback()
    {
        problems.push(Problem::Contradiction(format!(
            "{} is {address}, which other machines can reach: --dev gives access without a login, \
             so expected 127.0.0.1 or ::1",
            Origin::Flag.place("address")
        )));
    }
}

/// Returns the kind of file at `path` if no database can be there. Opening a FIFO would wait for its other end, and a
/// device would take the writes.
fn unsuitable_kind(path: &Path) -> Option<&'static str> {
    regular_file::other_kind(std::fs::metadata(path).ok()?.file_type())
}
