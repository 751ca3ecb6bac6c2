//! API keys.

use std::time::Duration;

use secrecy::SecretString;

use crate::api_key::{self, Scopes};
use crate::store::Write;

use super::super::Error;
use super::ServerApi;

impl ServerApi {
    /// Makes a key with `scopes` that is valid for `ttl`, named `prefix` and a random id. Removes the expired ones of
    /// that prefix.
    pub async fn make_key(
        &self,
        prefix: &str,
        scopes: Scopes,
        ttl: Duration,
    ) -> Result<SecretString, Error> {
        let (key, digest) = api_key::make(self.0.random.value());
        let now = self.0.clock.wall();
        let name = format!("{prefix}{}", uuid::Uuid::new_v4().simple());
        let pattern = format!("{prefix}%");
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            db.remove_expired_api_keys(&pattern, now)?;
            db.add_api_key(&name, &digest, scopes, Some(now.plus(ttl)), now)?;
            Ok(())
        };
        self.0.store.write(job).await?;
        Ok(key)
    }
}
