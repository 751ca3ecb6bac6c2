//! Prometheus' text format.
//!
//! The library writes the `OpenMetrics` format, in which the name of a counter family lacks the `_total` of its samples.
//! Prometheus' own text format, version 0.0.4, which every scraper reads by default, uses the same name for both and
//! has no `info` and no units.

/// Media type of the format.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Converts `open_metrics` to Prometheus' text format.
pub(super) fn as_prometheus_reads_it(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + open_metrics.len() / 16);
    let mut help = "";
    for line in open_metrics.lines() {
        // The help of a family comes before its type, which determines its name.
        if let Some(named) = line.strip_prefix("# HELP ") {
            help = named;
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or((typed, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            let said = help.split_once(' ').map_or("", |(_, said)| said);
            for part in ["# HELP ", name, suffix, " ", said, "\n"] {
                text.push_str(part);
            }
            for part in ["# TYPE ", name, suffix, " ", kind, "\n"] {
                text.push_str(part);
            }
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_the_build_are_named_as_their_samples_are() {
        let open_metrics = "\
            # HELP a_b Things.\n# TYPE a_b counter\na_b_total{c=\"d # e\"} 1\n\
            # HELP f A program.\n# TYPE f info\nf_info{version=\"1\"} 1\n\
            # HELP g Now.\n# TYPE g gauge\n# UNIT g bytes\ng 2\n# EOF\n";
        let text = "\
            # HELP a_b_total Things.\n# TYPE a_b_total counter\na_b_total{c=\"d # e\"} 1\n\
            # HELP f_info A program.\n# TYPE f_info gauge\nf_info{version=\"1\"} 1\n\
            # HELP g Now.\n# TYPE g gauge\ng 2\n";
        assert_eq!(as_prometheus_reads_it(open_metrics), text);
    }
}
