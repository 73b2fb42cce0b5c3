//! Requests, by the pattern of their route: not by their path, which clients choose.

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use actix_web::http::Method;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{SECONDS, counters, gauge, histograms, made};
use crate::routes;

/// What is counted of requests.
pub struct Requests {
    routes: HashMap<&'static str, Route>,
    none: Route,
    total: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
}

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// The last one: the client was gone before there was an answer.
const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];

/// The handles of a route, made when they are first needed: most pairs never are.
struct Route {
    name: &'static str,
    methods: [Handles; METHODS.len()],
}

#[derive(Default)]
struct Handles {
    seconds: OnceLock<Histogram>,
    total: [OnceLock<IntCounter>; STATUSES.len()],
}

impl Route {
    fn new(name: &'static str) -> Self {
        Self { name, methods: std::array::from_fn(|_| Handles::default()) }
    }
}

/// A request that is under way, until this goes.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> Self {
        let total = counters(
            registry,
            "feedme_http_requests_total",
            "Requests by the route that answered; status is its class, or gone where the client left before.",
            &["route", "method", "status"],
        );
        let seconds = histograms(
            registry,
            "feedme_http_request_duration_seconds",
            "How long requests took until their answer was ready.",
            &["route", "method"],
            SECONDS,
        );
        let in_flight = gauge(registry, "feedme_http_requests_in_flight", "Requests under way.");
        let routes = routes::all().into_iter().map(|at| (at.path, Route::new(at.path))).collect();
        Self { routes, none: Route::new("none"), total, seconds, in_flight }
    }

    /// A request has begun.
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request is over. What no route answered, or no known method asked for, is counted together.
    pub fn count(&self, route: Option<&str>, method: &Method, status: Option<u16>, took: Duration) {
        let route = route.and_then(|route| self.routes.get(route)).unwrap_or(&self.none);
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let class = match status {
            Some(status @ 100..600) => usize::from(status / 100 - 1),
            _ => STATUSES.len() - 1,
        };
        let handles = &route.methods[method];
        let seconds = || made(self.seconds.get_metric_with_label_values(&[route.name, METHODS[method]]));
        handles.seconds.get_or_init(seconds).observe(took.as_secs_f64());
        let labels = [route.name, METHODS[method], STATUSES[class]];
        let total = || made(self.total.get_metric_with_label_values(&labels));
        handles.total[class].get_or_init(total).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn requests_are_counted_by_route_method_and_class() {
        let registry = Registry::new();
        let requests = Requests::new(&registry);
        let took = Duration::from_millis(3);
        requests.count(Some("/v1/users/{username}"), &Method::GET, Some(200), took);
        requests.count(Some("/v1/users/{username}"), &Method::GET, Some(204), took);
        requests.count(Some("/v1/users/{username}"), &Method::GET, Some(404), took);
        requests.count(Some("/livez"), &Method::GET, None, took);
        let told = told(&registry);
        for line in [
            r#"feedme_http_requests_total{method="GET",route="/v1/users/{username}",status="2xx"} 2"#,
            r#"feedme_http_requests_total{method="GET",route="/v1/users/{username}",status="4xx"} 1"#,
            r#"feedme_http_requests_total{method="GET",route="/livez",status="gone"} 1"#,
            r#"feedme_http_request_duration_seconds_count{method="GET",route="/v1/users/{username}"} 3"#,
            r#"feedme_http_request_duration_seconds_bucket{method="GET",route="/v1/users/{username}",le="0.005"} 3"#,
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in {told}");
        }
    }

    #[test]
    fn no_label_has_a_value_that_a_client_chose() {
        let registry = Registry::new();
        let requests = Requests::new(&registry);
        let method = Method::from_bytes(b"BREW").unwrap();
        for (route, status) in [(Some("/secret/path"), Some(999)), (None, Some(404)), (None, Some(42))] {
            requests.count(route, &method, status, Duration::ZERO);
        }
        let told = told(&registry);
        assert!(told.contains(r#"{method="other",route="none",status="4xx"} 1"#), "{told}");
        assert!(!told.contains("secret") && !told.contains("BREW") && !told.contains("999"), "{told}");
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_goes() {
        let registry = Registry::new();
        let requests = Requests::new(&registry);
        let (one, other) = (requests.begin(), requests.begin());
        assert!(told(&registry).contains("feedme_http_requests_in_flight 2\n"));
        drop((one, other));
        assert!(told(&registry).contains("feedme_http_requests_in_flight 0\n"));
    }
}
