//! Reload: puts changed settings in force while the server runs.

use std::sync::Arc;

use rocket::Config;
use rocket::figment::Figment;
use tokio::sync::Mutex;

use crate::guard::Access;
use crate::http::RouteSettings;
use crate::listener::Tls;
use crate::logging;
use crate::reloadable::Reloadable;
use crate::service::{Rules, Service};
use crate::settings::{Changes, Settings, changes};
use crate::webhook::{self, Sender, Webhooks};
use crate::wire::control::{NeedsRestart, Reloaded};
use crate::ws::SocketRules;

/// Why a setting of Rocket's that turns TLS on or off needs a restart.
const SCHEME_IS_ANNOUNCED: &str = "clients use https or http since the start";

/// Reload of the settings, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Reload(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// Settings at the start, and Rocket's own: what needs a restart is compared with them.
    started: (Settings, Figment),
    /// Settings of the last reload.
    current: Mutex<Settings>,
}

/// Parts of the server that take new settings.
pub(super) struct Parts {
    pub webhooks: Webhooks,
    pub service: Service,
    pub access: Access,
    pub routes: RouteSettings,
    pub sockets: Reloadable<SocketRules>,
    pub tls: Tls,
}

impl Reload {
    pub(super) fn new(parts: Parts, settings: Settings, figment: Figment) -> Self {
        let current = Mutex::new(settings.clone());
        Self(Arc::new(Inner {
            parts,
            started: (settings, figment),
            current,
        }))
    }

    /// Reads the settings again from where they came, checks them whole and puts in force what can change while the
    /// server runs. Files that they name are read again too: keys, certificates, secrets. An error changes nothing.
    ///
    /// # Errors
    /// A sentence for the administrator.
    pub async fn reload(&self) -> Result<Reloaded, String> {
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(Reloaded { changed, restart }) => {
                tracing::info!(changed = changed.join(" "), "settings reloaded");
                for NeedsRestart { setting, reason } in restart {
                    tracing::warn!(setting, reason, "changed setting needs a restart");
                }
            }
            Err(error) => tracing::error!(%error, "settings not reloaded, nothing has changed"),
        }
        reloaded
    }

    async fn try_reload(&self) -> Result<Reloaded, String> {
        let mut current = self.0.current.lock().await;
        let (settings, figment) =
            Settings::load(&current.flags).map_err(|error| error.to_string())?;
        // All that can fail comes first.
        let access = &self.0.parts.access;
        let authenticator = access.authenticator().for_settings(&settings);
        let authenticator = authenticator.map_err(|error| error.to_string())?;
        let config = Config::try_from(&figment).map_err(|error| error.to_string())?;
        let tls = Tls::load(&config).map_err(|error| format!("tls: {error}"))?;
        let sender = Sender::from_settings(&settings).map_err(|error| error.to_string())?;
        let webhooks = webhook::webhook_config(&settings);
        authenticator.refresh_file().await?;
        let configured = self.0.parts.webhooks.reload(sender, webhooks).await;
        configured.map_err(|error| format!("webhooks: {error}"))?;

        let new = (&settings, &figment);
        let (started, rocket) = &self.0.started;
        let Changes { reloaded, .. } = changes((&current, rocket), new);
        let Changes { mut restart, .. } = changes((started, rocket), new);
        let parts = &self.0.parts;
        authenticator.start(parts.service.metrics()).await;
        if parts.tls.switches(&tls) {
            restart.push(("tls".to_owned(), SCHEME_IS_ANNOUNCED));
        } else {
            parts.tls.replace(tls);
        }
        parts.service.set_rules(Rules::new(&settings));
        parts.access.reload(&settings, authenticator);
        parts.routes.reload(&settings);
        parts.sockets.replace(SocketRules::new(&settings));
        logging::set_level(settings.log_level);
        parts.service.sessions().recheck_tokens();
        *current = settings;
        Ok(Reloaded {
            changed: reloaded,
            restart: restart
                .into_iter()
                .map(|(setting, reason)| NeedsRestart {
                    setting,
                    reason: reason.to_owned(),
                })
                .collect(),
        })
    }
}
