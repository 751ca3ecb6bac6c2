//! Registry of all metrics, from which the text is written.

use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use super::text;

/// Prefix of every metric name.
const PREFIX: &str = "chattrix";

/// Registry of all metrics with their names and help texts.
pub(super) struct Catalogue(Registry);

impl Catalogue {
    /// Creates a registry with the program's `version` and the name of the `node` only.
    pub fn new(version: &'static str, node: Option<&str>) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let build = Info::new([("version", version)]);
        registry.register("build", "The program that runs", build);
        if let Some(name) = node {
            let node = Info::new([("name", name.to_owned())]);
            registry.register(
                "node",
                "The server that was asked, by the setting node_name",
                node,
            );
        }
        Self(registry)
    }

    pub fn counter(&mut self, name: &str, help: &str) -> Counter {
        self.entered(name, help, Counter::default())
    }

    pub fn counters<L: LabelSet>(&mut self, name: &str, help: &str) -> Family<L, Counter> {
        self.entered(name, help, Family::default())
    }

    pub fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        self.entered(name, help, Gauge::default())
    }

    pub fn gauges<L: LabelSet>(&mut self, name: &str, help: &str) -> Family<L, Gauge> {
        self.entered(name, help, Family::default())
    }

    pub fn histogram(&mut self, name: &str, help: &str, empty: Histogram) -> Histogram {
        self.entered(name, help, empty)
    }

    pub fn histograms<L: LabelSet>(
        &mut self,
        name: &str,
        help: &str,
        empty: fn() -> Histogram,
    ) -> Family<L, Histogram> {
        self.entered(name, help, Family::new_with_constructor(empty))
    }

    /// Registers `metric` and returns it.
    pub fn entered<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    /// Returns the current values of all metrics.
    pub fn text(&self) -> String {
        let mut written = String::new();
        encode_registry(&mut written, &self.0).expect("a String takes everything");
        text::as_prometheus_reads_it(&written)
    }
}

/// Label set of a metric family.
pub(super) trait LabelSet:
    EncodeLabelSet + Clone + Hash + Eq + std::fmt::Debug + Send + Sync + 'static
{
}

impl<L> LabelSet for L where
    L: EncodeLabelSet + Clone + Hash + Eq + std::fmt::Debug + Send + Sync + 'static
{
}
