//! TLS in the process.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use e2e::Gavel;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use tokio_util::sync::CancellationToken;

const NAME: &str = "localhost";

/// A certificate in two files; returns what a client needs to trust it.
fn certificate(folder: &Path, changed_s: u64) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    for (file, text) in [("cert.pem", cert.pem()), ("key.pem", signing_key.serialize_pem())] {
        let file = folder.join(file);
        std::fs::write(&file, text).expect("written");
        // Some file systems note no more than seconds.
        let file = std::fs::File::options().write(true).open(file).expect("opened");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(changed_s)).expect("set");
    }
    Certificate::from_pem(cert.pem().as_bytes()).expect("PEM")
}

fn trusting(certificate: Certificate) -> Client {
    Client::builder()
        .tls_certs_only([certificate])
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_served_over_tls_and_a_new_certificate_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let first = trusting(certificate(folder.path(), 1));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let flags = ["--tls-cert", &cert, "--tls-key", &key, "--admin-listen", "127.0.0.1:0"];
    let gavel = Gavel::with(&flags).await;
    let url = format!("https://{NAME}:{}/graphql?query={{serverTime}}", gavel.ready.address.port());
    let serves = async |client: &Client| match client.get(&url).send().await {
        Ok(answer) => answer.text().await.is_ok_and(|text| text.contains("serverTime")),
        Err(_) => false,
    };
    assert!(serves(&first).await);
    let plain = reqwest::get(url.replacen("https", "http", 1)).await;
    assert!(plain.is_err(), "without TLS nothing is served");

    let second = trusting(certificate(folder.path(), 2));
    e2e::soon("the new certificate is served", async || serves(&second).await).await;
    assert!(!serves(&first).await);
    // A key that is not the certificate's changes nothing.
    let other = tempfile::tempdir().unwrap();
    certificate(other.path(), 3);
    std::fs::copy(other.path().join("key.pem"), &key).unwrap();
    tokio::time::sleep(gavel_server::limits::TLS_CHECK_EVERY + Duration::from_secs(1)).await;
    assert!(serves(&second).await);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_stop_the_start_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), 2);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    for (cert, key, flag) in [
        ("/nowhere/cert.pem", key.as_str(), "--tls-cert"),
        (key.as_str(), key.as_str(), "--tls-cert"),
        (cert.as_str(), cert.as_str(), "--tls-key"),
        (cert.as_str(), "/nowhere/key.pem", "--tls-key"),
    ] {
        let args = e2e::gavel::args(&["--tls-cert", cert, "--tls-key", key]);
        let run = gavel_server::app::run(args, CancellationToken::new(), |_| panic!("no start"));
        let error = format!("{:#}", run.await.unwrap_err());
        assert!(error.starts_with(flag) && !error.contains('\n'), "{error}");
    }
}
