//! API keys.

use std::time::Duration;

use secrecy::SecretString;

use crate::api_key::{self, Scopes};
use crate::store::Write;

use super::super::Error;
use super::ServerApi;

impl ServerApi {
    /// Makes a key with `scopes` that is valid for `ttl`. No other key has or had the `name`.
    pub async fn make_key(
        &self,
        name: String,
        scopes: Scopes,
        ttl: Duration,
    ) -> Result<SecretString, Error> {
        let (key, digest) = api_key::make(self.0.random.value());
        let now = self.0.clock.wall();
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            db.add_api_key(&name, &digest, scopes, Some(now.plus(ttl)), now)?;
            Ok(())
        };
        self.0.store.write(job).await?;
        Ok(key)
    }
}
