//! What an administrator sees of the nodes.

use super::NODES;
use crate::support::{Cluster, http_client};

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_metrics_name_the_node_that_they_ask() {
    let Some(cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let mut names = Vec::new();
    for place in 0..NODES {
        let cli = cluster.cli(place);
        let status = cli.json(&["status"]);
        let name = status["node"].as_str().expect("a name").to_owned();
        assert_eq!(status["nodes"].as_array().map(Vec::len), Some(NODES));
        let shown = cli.run(&["status"]).success();
        assert!(shown.contains(&format!("{name}; all: ")), "{shown}");
        let findings = cli.run(&["doctor"]).out;
        assert!(findings.contains(&format!("node {name}, ")), "{findings}");
        let metrics = http_client().get(cluster.address(place).http("/metrics"));
        let metrics = metrics.send().await.expect("an answer").text().await;
        let metrics = metrics.expect("the metrics");
        let line = format!("chattrix_node_info{{name=\"{name}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
        let backend = cluster.backend().at(cluster.address(place));
        let status = backend.get("/api/server/v1/status").await.success(200);
        assert_eq!(status["node"], name);
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), NODES);
}
