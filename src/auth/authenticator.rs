//! Checks and signs tokens with the keys of the settings and of the identity provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, dangerous};
use serde_json::{Map, Value};

use super::cache::{self, TokenCache};
use super::claims::{self, Claims, Expected, Verified};
use super::error::TokenError;
use super::key::{self, KeyError};
use super::provider::{Provider, State, Timing};
use super::signature::{Key, KeyName};
use super::source::Source;
use super::{KeyInfo, MAX_TOKEN_BYTES, ProviderStatus};
use crate::clock::Timestamp;
use crate::metrics::Metrics;
use crate::settings::{ProxyRules, Settings};

/// Keys that a token without `kid` is tried with.
const MAX_TRIED: usize = 8;

/// Checks tokens, and signs them if there is a secret. Cheap to clone.
///
/// New settings are put in force by a new authenticator in its place ([`Authenticator::for_settings`]).
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    keys: Vec<Key>,
    provider: Option<Arc<Provider>>,
    /// The settings that make the provider what it is.
    provider_settings: ProviderSettings,
    expected: Expected,
    /// Verified tokens, if any key is public.
    cache: Option<TokenCache>,
}

/// Settings of a provider: with the same ones, its keys go on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProviderSettings {
    issuer_url: Option<String>,
    jwks_url: Option<String>,
    jwks_file: Option<std::path::PathBuf>,
    ca_file: Option<std::path::PathBuf>,
    proxy: ProxyRules,
    max_age: Duration,
}

impl ProviderSettings {
    fn of(settings: &Settings) -> Self {
        Self {
            issuer_url: settings.jwt_issuer_url.clone(),
            jwks_url: settings.jwt_jwks_url.clone(),
            jwks_file: settings.jwt_jwks_file.clone(),
            ca_file: settings.jwt_ca_file.clone(),
            proxy: ProxyRules::from_settings(settings),
            max_age: settings.jwt_keys_max_age,
        }
    }
}

/// Result of a full check of a token, for the command line.
#[derive(Debug)]
pub struct Examination {
    /// The key that verified the signature.
    pub key: Option<Arc<KeyName>>,
    /// The claims, if the token is accepted.
    pub claims: Option<Claims>,
    /// Every error.
    pub errors: Vec<TokenError>,
}

/// Key that verified a token, with the issuer that its tokens must have.
struct Match<'a> {
    key: Arc<KeyName>,
    issuer: Option<&'a str>,
}

impl Authenticator {
    /// Makes the authenticator for `settings`. The keys of a provider are not loaded yet: [`Authenticator::start`] and
    /// [`Authenticator::fetch`] do that.
    ///
    /// # Errors
    /// There is no key, or a file cannot be used.
    pub fn from_settings(settings: &Settings) -> Result<Self, KeyError> {
        Self::build(settings, Timing::default(), None)
    }

    /// Makes the authenticator for new `settings` in place of this one. A provider whose settings are the same keeps its
    /// keys.
    ///
    /// # Errors
    /// As [`Authenticator::from_settings`].
    pub fn for_settings(&self, settings: &Settings) -> Result<Self, KeyError> {
        let is_same = self.0.provider_settings == ProviderSettings::of(settings);
        let provider = self.0.provider.clone().filter(|_| is_same);
        Self::build(settings, Timing::default(), provider)
    }

    pub(super) fn build(
        settings: &Settings,
        timing: Timing,
        running: Option<Arc<Provider>>,
    ) -> Result<Self, KeyError> {
        let keys = key::load(settings)?;
        let provider = match running {
            Some(running) => Some(running),
            None => Source::from_settings(settings)?
                .map(|source| Arc::new(Provider::new(source, settings.jwt_keys_max_age, timing))),
        };
        if keys.is_empty() && provider.is_none() {
            return Err(KeyError::Missing);
        }
        let has_public_key = provider.is_some() || !keys.iter().all(Key::is_secret);
        let cache = has_public_key.then(TokenCache::default);
        Ok(Self(Arc::new(Inner {
            keys,
            provider,
            provider_settings: ProviderSettings::of(settings),
            expected: Expected::from_settings(settings),
            cache,
        })))
    }

    /// Loads the keys of the provider, if there is one, and keeps them fresh as long as the authenticator lives. Waits 10 s
    /// at most for the first keys.
    pub async fn start(&self, metrics: &Metrics) {
        if let Some(provider) = &self.0.provider {
            provider.start(metrics).await;
        }
    }

    /// Reads the key set of the provider again if it is in a file. A key set elsewhere has its own times.
    ///
    /// # Errors
    /// Why there are no new keys, as a sentence; then the known ones go on.
    pub async fn refresh_file(&self) -> Result<(), String> {
        let is_file = self.0.provider.as_ref().is_some_and(|one| one.has_file());
        if is_file { self.fetch().await } else { Ok(()) }
    }

    /// Loads the keys of the provider once, if there is one.
    ///
    /// # Errors
    /// Why there are none, as a sentence.
    pub async fn fetch(&self) -> Result<(), String> {
        match &self.0.provider {
            Some(provider) => provider.refresh().await.map(drop),
            None => Ok(()),
        }
    }

    /// Checks `token` at `now`. A token whose key the provider may have added since the last refresh waits for a refresh.
    ///
    /// # Errors
    /// As [`Authenticator::verify`].
    pub async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let seen = self
            .0
            .provider
            .as_ref()
            .map(|provider| provider.state().refreshes);
        let verified = self.verify(token, now);
        match (&self.0.provider, seen, &verified) {
            (Some(provider), Some(seen), Err(TokenError::UnknownKey)) => {
                if provider.refresh_for_unknown_key(seen).await {
                    return self.verify(token, now);
                }
                verified
            }
            _ => verified,
        }
    }

    /// Checks `token` at `now` with the keys that are known.
    ///
    /// # Errors
    /// The first error: form, algorithm, signature, time, then the claims.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let provider = self.0.provider.as_ref();
        let state = provider.map(|provider| provider.state());
        let keys = state.as_ref().map_or(0, |state| state.refreshes);
        let are_fresh = provider
            .zip(state.as_deref())
            .is_none_or(|(provider, state)| provider.is_usable(state));
        let Some(cache) = self.0.cache.as_ref().filter(|_| are_fresh) else {
            return self.verify_anew(token, state.as_deref(), now);
        };
        let key = cache::key(token);
        if let Some(claims) = cache.get(&key, keys, now) {
            return Ok(claims);
        }
        let claims = self.verify_anew(token, state.as_deref(), now)?;
        cache.insert(key, claims.clone(), keys, now);
        Ok(claims)
    }

    fn verify_anew(
        &self,
        token: &str,
        state: Option<&State>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let (header, payload) = read(token)?;
        let found = self.find_key(token, &header, state)?;
        let verified = Verified {
            payload: &payload,
            token,
            key: found.key,
            issuer: found.issuer,
        };
        claims::read(&verified, &self.0.expected, now).map_err(|errors| {
            let first = errors.into_iter().next();
            first.unwrap_or(TokenError::Malformed)
        })
    }

    /// Checks `token` at `now` and returns every error, also if no key verifies it.
    #[must_use]
    pub fn examine(&self, token: &str, now: Timestamp) -> Examination {
        let (header, payload) = match read(token) {
            Ok(parts) => parts,
            Err(error) => return Examination::failed(error),
        };
        let state = self.0.provider.as_ref().map(|provider| provider.state());
        let found = self.find_key(token, &header, state.as_deref());
        let mut errors: Vec<_> = found.as_ref().err().cloned().into_iter().collect();
        let key = found.as_ref().ok().map(|found| Arc::clone(&found.key));
        // Without a key, the claims are held against the settings as they are.
        let unknown = || KeyName {
            source: String::new(),
            kid: None,
        };
        let verified = Verified {
            payload: &payload,
            token,
            key: key.clone().unwrap_or_else(|| Arc::new(unknown())),
            issuer: found.map_or_else(|_| self.issuer(), |found| found.issuer),
        };
        let read = claims::read(&verified, &self.0.expected, now);
        let claims = match read {
            Ok(claims) => key.is_some().then_some(claims),
            Err(problems) => {
                errors.extend(problems);
                None
            }
        };
        Examination {
            key,
            claims,
            errors,
        }
    }

    /// Returns the key that verifies `token`: a static key, or one of the provider.
    fn find_key<'a>(
        &'a self,
        token: &str,
        header: &Header,
        state: Option<&State>,
    ) -> Result<Match<'a>, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| TokenError::Malformed)?;
        let verifies = |key: &&Key| key.verifies(header.alg, message.as_bytes(), &signature);
        if let Some(key) = self.0.keys.iter().find(verifies) {
            return Ok(Match {
                key: Arc::clone(&key.name),
                issuer: self.0.expected.issuer.as_deref(),
            });
        }
        let is_allowed = self.0.keys.iter().any(|key| key.allows(header.alg));
        let fallback = if is_allowed {
            TokenError::BadSignature
        } else {
            TokenError::WrongAlgorithm
        };
        // The keys of a provider are public, and a public key is never a secret.
        let (Some(provider), Some(state), false) =
            (&self.0.provider, state, is_symmetric(header.alg))
        else {
            return Err(fallback);
        };
        if !provider.is_usable(state) {
            return Err(TokenError::KeysUnavailable);
        }
        let keys = state.keys.iter().map(|dated| &dated.key);
        let kid = header.kid.as_deref();
        let is_named =
            |key: &&Key| kid.is_none() || key.name.kid.is_none() || key.name.kid.as_deref() == kid;
        let named: Vec<_> = keys.filter(is_named).collect();
        let fitting = named.iter().copied().filter(|key| key.allows(header.alg));
        if let Some(key) = fitting.take(MAX_TRIED).find(|key| verifies(key)) {
            return Ok(Match {
                key: Arc::clone(&key.name),
                issuer: provider
                    .source
                    .issuer()
                    .or(self.0.expected.issuer.as_deref()),
            });
        }
        let is_known = kid.is_some() && named.iter().any(|key| key.name.kid.as_deref() == kid);
        match (is_known, named.iter().any(|key| key.allows(header.alg))) {
            (false, _) => Err(TokenError::UnknownKey),
            (true, false) => Err(TokenError::WrongAlgorithm),
            (true, true) => Err(TokenError::BadSignature),
        }
    }

    /// Returns the static keys.
    pub(super) fn static_keys(&self) -> &[Key] {
        &self.0.keys
    }

    /// Returns what the settings require of tokens.
    pub(super) fn expected(&self) -> &Expected {
        &self.0.expected
    }

    /// Returns the issuer that tokens must have, if the settings name one.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        let discovered = self
            .0
            .provider
            .as_ref()
            .and_then(|provider| provider.source.issuer());
        discovered.or(self.0.expected.issuer.as_deref())
    }

    /// Returns the keys that verify tokens: static ones first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        let mut all: Vec<_> = self
            .0
            .keys
            .iter()
            .map(|key| KeyInfo::new(key, None, None))
            .collect();
        if let Some(provider) = &self.0.provider {
            let state = provider.state();
            let keys = state.keys.iter();
            all.extend(
                keys.map(|dated| KeyInfo::new(&dated.key, Some(dated.since), state.fetched_at)),
            );
        }
        all
    }

    /// Returns the status of the identity provider, if there is one.
    #[must_use]
    pub fn provider(&self) -> Option<ProviderStatus> {
        let provider = self.0.provider.as_ref()?;
        let state = provider.state();
        let is_usable = provider.is_usable(&state);
        Some(ProviderStatus {
            source: provider.source.to_string(),
            keys: if is_usable { state.keys.len() } else { 0 },
            fetched_at: state.fetched_at,
            clock: state.provider_clock,
            failure: state.failure.clone(),
        })
    }
}

impl Examination {
    fn failed(error: TokenError) -> Self {
        Self {
            key: None,
            claims: None,
            errors: vec![error],
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("expected", &self.0.expected)
            .finish_non_exhaustive()
    }
}

/// Reads header and payload of `token`. Nothing of it is verified.
fn read(token: &str) -> Result<(Header, Map<String, Value>), TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
        // JSON whose `alg` is missing, "none" or unknown.
        ErrorKind::Json(json) if json.is_data() => TokenError::WrongAlgorithm,
        _ => TokenError::Malformed,
    })?;
    // Whoever does not understand a critical extension must reject the token (RFC 7515 section 4.1.11), and this server
    // understands none.
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    // The library's own `decode` would check times against the system's clock, and takes a malformed claim for a
    // malformed token.
    let payload = dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
    Ok((header, payload))
}

const fn is_symmetric(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    )
}
