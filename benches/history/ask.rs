//! Asks a server on the database, as a client does.

use std::path::Path;
use std::time::Instant;

use chattrix::app;
use chattrix::clock::Clock;
use chattrix::listener;
use chattrix::settings::Settings;
use rocket::fairing::AdHoc;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{Outcome, report, user};

/// Requests of each kind.
const REQUESTS: usize = 2_000;

const SECRET: &str = "a secret of the benchmark, longer than thirty-two bytes";

/// Queries a server on the database as a client does.
pub async fn ask(file: &Path) -> Outcome<()> {
    let settings = Settings {
        database: file.to_owned(),
        jwt_secret: vec![SECRET.to_owned().into()],
        request_rate: None,
        ..Settings::default()
    };
    let figment = rocket::Config::figment()
        .merge(("port", 0))
        .merge(("log_level", "off"));
    let app = app::build(&settings, figment, Clock::System)?;
    let (tell, port) = oneshot::channel();
    let liftoff = AdHoc::on_liftoff("tell the port", move |rocket| {
        Box::pin(async move {
            tell.send(rocket.config().port)
                .expect("the benchmark waits");
        })
    });
    let launched = tokio::spawn(listener::launch(
        app.rocket.attach(liftoff),
        listener::Limits::default(),
    ));
    // The server's use of reqwest switches TLS on, which needs a crypto library.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let asker = Asker {
        client: reqwest::Client::builder().no_proxy().build()?,
        base: format!("http://127.0.0.1:{}", port.await?),
    };
    println!(
        "{:<52}{:>9}{:>9}{:>9}  µs",
        "over loopback, one after the other", "p50", "p99", "max"
    );
    asker
        .measure("echo: GET /healthz", &["/healthz".to_owned()], 1)
        .await?;
    let deep = asker.cursors("", 10).await?;
    let page = |query: &str| format!("/api/v1/calls/history?{query}");
    let paths = |filter: &str| -> Vec<String> {
        let cursors = deep
            .iter()
            .map(|cursor| format!("limit=20&cursor={cursor}&{filter}"));
        std::iter::once(format!("limit=20&{filter}"))
            .chain(cursors)
            .map(|query| page(&query))
            .collect()
    };
    for filter in [
        "",
        "status=COMPLETED",
        "status=MISSED",
        "callType=AUDIO",
        "direction=INCOMING",
        "callType=VIDEO&direction=OUTGOING",
        "status=REJECTED&callType=AUDIO&direction=INCOMING",
        // No callee cancels a call: the filter finds nothing.
        "status=CANCELLED&direction=INCOMING",
    ] {
        asker
            .measure(&format!("page of 20 {filter}"), &paths(filter), 1)
            .await?;
    }
    asker
        .measure("page of 100", &[page("limit=100")], 1)
        .await?;
    asker
        .measure("page of 20, somebody else", &[page("")], 4_711)
        .await?;
    let unseen = ["/api/v1/calls/history/unseen".to_owned()];
    asker.measure("unseen", &unseen, 1).await?;
    for period in ["day", "week", "month", "year"] {
        let path = format!("/api/v1/calls/statistics?period={period}");
        let calls = asker.get(&path, 1).await?["data"]["totalCalls"].to_string();
        asker
            .measure(&format!("statistics {period}, {calls} calls"), &[path], 1)
            .await?;
    }
    app.stop.stop().await;
    launched.await??;
    Ok(())
}

struct Asker {
    client: reqwest::Client,
    base: String,
}

impl Asker {
    async fn get(&self, path: &str, key: u64) -> Outcome<Value> {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request.bearer_auth(token(key)?).send().await?;
        let answer = answer.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    /// Cursors spread over a history: each some hundreds of entries after the one before.
    async fn cursors(&self, filter: &str, count: usize) -> Outcome<Vec<String>> {
        let mut cursors: Vec<String> = Vec::new();
        let mut cursor = String::new();
        while cursors.len() < count {
            for _ in 0..10 {
                let path = format!("/api/v1/calls/history?limit=100&cursor={cursor}&{filter}");
                let page = self.get(&path, 1).await?;
                let Some(next) = page["data"]["nextCursor"].as_str() else {
                    return Ok(cursors);
                };
                next.clone_into(&mut cursor);
            }
            cursors.push(cursor.clone());
        }
        Ok(cursors)
    }

    async fn measure(&self, what: &str, paths: &[String], key: u64) -> Outcome<()> {
        let token = token(key)?;
        let mut times = Vec::with_capacity(REQUESTS);
        for path in paths.iter().cycle().take(REQUESTS) {
            let request = self.client.get(format!("{}{path}", self.base));
            let request = request.bearer_auth(&token);
            let began = Instant::now();
            request.send().await?.error_for_status()?.bytes().await?;
            times.push(began.elapsed());
        }
        report(what, times);
        Ok(())
    }
}

fn token(key: u64) -> Outcome<String> {
    let exp = Clock::System.now().as_millis() / 1_000 + 3_600;
    let claims = serde_json::json!({ "sub": user(key).as_str(), "sid": "bench", "exp": exp });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    Ok(jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &claims,
        &key,
    )?)
}
