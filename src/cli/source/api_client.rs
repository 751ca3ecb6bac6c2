//! Client of the server API: requests with an API key, one at a time.

use std::time::Duration;

use chattrix::{http_client, regular_file, tls_client};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::control_client::runtime;
use super::super::error::CliError;
use super::super::output;

/// Variable with the API key.
const KEY_VARIABLE: &str = "CHATTRIX_API_KEY";

/// Variable with a file of further certificate authorities, as OpenSSL and curl read it.
const CA_VARIABLE: &str = "SSL_CERT_FILE";

/// Time limit for a response: a batch of users takes the server a second.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest wait that a rate limit may ask for.
const LONGEST_WAIT: u64 = 60;

/// Attempts of a request that is above the rate limit.
const ATTEMPTS: u32 = 10;

/// Client of the server at one URL.
pub struct ApiClient {
    server: Url,
    http: Client,
    runtime: Runtime,
}

/// Request to the server API.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    /// Segments of the path after `/api/server/v1`.
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Request {
    /// Creates a request without query and body.
    pub fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            query: Vec::new(),
            body: None,
        }
    }

    pub fn query(self, query: &[(&'static str, String)]) -> Self {
        Self {
            query: query.to_vec(),
            ..self
        }
    }

    pub fn body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

/// Refusal of a request by the server.
#[derive(Clone, Debug)]
pub struct Refusal {
    word: String,
    /// The server's sentence.
    pub message: String,
}

impl Refusal {
    /// Returns the `errorType`.
    pub fn word(&self) -> &str {
        &self.word
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(&refusal.message);
        match refusal.word() {
            "unauthenticated" => error.hint(format!(
                "{KEY_VARIABLE} is not a valid key of this server: `chattrix apikey list` shows its keys"
            )),
            _ => error,
        }
    }
}

impl ApiClient {
    /// Creates the client of `server` with the API key of the environment.
    ///
    /// # Errors
    /// There is no key, or it cannot be sent.
    pub fn new(server: Url) -> Result<Self, CliError> {
        if server.scheme() == "http" && !is_local(&server) {
            output::tell("warning: the API key is sent unencrypted; use an https URL");
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization()?);
        let ca = std::env::var_os(CA_VARIABLE).map(|file| regular_file::read(file.as_ref()));
        let ca = ca.transpose().map_err(|error| {
            CliError::new(format!("cannot read the file in {CA_VARIABLE}: {error}"))
        })?;
        let tls = tls_client::client_config(ca.as_deref())
            .ok_or_else(|| CliError::new(format!("{CA_VARIABLE}: expected certificates in PEM")))?;
        let http = Client::builder()
            .use_preconfigured_tls(tls)
            // A redirect would take the key elsewhere.
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .default_headers(headers)
            .user_agent(concat!("chattrix/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| CliError::new(format!("cannot start the client: {error}")))?;
        Ok(Self {
            server,
            http,
            runtime: runtime()?,
        })
    }

    /// Returns the data of the list or object at `path`.
    ///
    /// # Errors
    /// The server refused the request or did not respond.
    pub fn get(&self, path: &[&str], query: &[(&'static str, String)]) -> Result<Value, CliError> {
        Ok(self.send(&Request::new(Method::GET, path).query(query))??)
    }

    /// Sends `request` and returns the data of the response, or the refusal. Waits if the rate limit asks for it.
    ///
    /// # Errors
    /// The server did not respond, or is not a Chattrix server.
    pub fn send(&self, request: &Request) -> Result<Result<Value, Refusal>, CliError> {
        self.runtime.block_on(async {
            for _ in 1..ATTEMPTS {
                let response = self.response(request).await?;
                match wait(&response) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return self.read(response).await,
                }
            }
            let last = self.response(request).await?;
            self.read(last).await
        })
    }

    async fn response(&self, request: &Request) -> Result<Response, CliError> {
        // URL parsers remove these from a path: the request would be another one.
        let lost = request
            .path
            .iter()
            .find(|one| matches!(one.as_str(), "" | "." | ".."));
        if let Some(id) = lost {
            return Err(CliError::new(format!("{id:?} cannot be sent in a URL"))
                .hint("run the command on the server's machine, without --server"));
        }
        let sent = self.prepare(request).send().await;
        sent.map_err(|error| {
            let (server, cause) = (&self.server, http_client::cause(&error));
            CliError::new(format!("cannot reach {server}: {cause}"))
        })
    }

    fn prepare(&self, request: &Request) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "server", "v1"]);
            path.extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let prepared = self.http.request(request.method.clone(), url);
        match &request.body {
            Some(body) => prepared
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
            None => prepared,
        }
    }

    async fn read(&self, response: Response) -> Result<Result<Value, Refusal>, CliError> {
        let status = response.status();
        let body = response.bytes().await.map_err(|error| {
            let (server, cause) = (&self.server, http_client::cause(&error));
            CliError::new(format!("{server} broke off its response: {cause}"))
        })?;
        let mut envelope: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (&envelope["success"], &envelope["message"]) {
            (Value::Bool(true), _) => Ok(Ok(envelope["data"].take())),
            (Value::Bool(false), Value::String(message)) => Ok(Err(Refusal {
                word: envelope["errorType"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                message: message.clone(),
            })),
            _ => {
                let server = &self.server;
                Err(CliError::new(format!(
                    "{server} is not a Chattrix server: it responded with {status}"
                )))
            }
        }
    }
}

/// Returns how long to wait before the request is sent again, if it is above the rate limit.
fn wait(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = header.parse().ok().filter(|wait| *wait <= LONGEST_WAIT)?;
    Some(Duration::from_secs(seconds))
}

fn authorization() -> Result<HeaderValue, CliError> {
    let key = std::env::var(KEY_VARIABLE).map(SecretString::from);
    let key = key.map_err(|_| {
        CliError::usage(format!("--server needs an API key in {KEY_VARIABLE}"))
            .hint("create one on the server's machine: chattrix apikey create NAME")
    })?;
    let value = format!("Bearer {}", key.expose_secret().trim());
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| CliError::new(format!("{KEY_VARIABLE} is not an API key")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_local(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|it: std::net::IpAddr| it.is_loopback())
}

/// Parses the URL of a server.
pub fn server(text: &str) -> Result<Url, String> {
    let is_server = |url: &Url| {
        let is_http = matches!(url.scheme(), "http" | "https");
        let is_plain = url.username().is_empty() && url.password().is_none();
        is_http && is_plain && url.query().is_none() && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(is_server);
    url.ok_or_else(|| "expected the URL of a server, such as https://calls.example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_a_url_without_a_password() {
        for good in [
            "https://calls.example.com",
            "http://127.0.0.1:8000/",
            "https://a.example/calls",
        ] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in [
            "calls.example.com",
            "ftp://a",
            "https://u:p@a.example",
            "https://a?key=1",
            "",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }
}
