//! The program itself with a real broker, the real model and real clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod real;

use std::process::Command;

use real::{Daemon, folder, hob, said};
use serde_json::{Value, json};

#[test]
fn it_answers_bills_publishes_and_says_goodbye() {
    let daemon = Daemon::up(folder(), &[("HOB_POWER__SOURCE", "simulated"), ("HOB_CARBON__COUNTRY", "ITA")]);
    assert_eq!(daemon.retained("hob/t/status"), "online");

    let answer = daemon.ask(&["What is the capital of Italy?"]);
    assert_eq!(answer["status"], "ok", "{answer}");
    assert!(answer["text"].as_str().unwrap().contains("Rome"), "{answer}");
    assert_eq!((&answer["level"], &answer["why"], &answer["finish"]), (&json!("Q4_1"), &json!("best"), &json!("stop")));
    assert_eq!(answer["energy"]["source"], "simulated", "read through the INA219 driver");
    assert!(
        answer["energy"]["wall_j"].as_f64().unwrap() > 0.05 && answer["energy"]["u_abs_pct"].as_f64().unwrap() > 0.0,
        "{answer}"
    );
    assert_eq!((&answer["co2"]["g_per_kwh"], &answer["co2"]["source"]), (&json!(331), &json!("country ITA")));
    assert!(answer["tokens_per_s"].as_f64().unwrap() > 0.1 && answer["ms"]["total"].as_u64().unwrap() > 0);

    let again = daemon.ask(&["What is the capital of Italy, and of France?"]);
    assert!(again["tokens"]["cached"].as_u64().unwrap() >= 10, "the start of the conversation is known: {again}");

    let state: Value = serde_json::from_str(&daemon.retained("hob/t/state/level")).unwrap();
    assert_eq!(state["candidates"][0]["why"], "chosen");
    let last: Value = serde_json::from_str(&daemon.retained("hob/t/state/answer")).unwrap();
    assert_eq!(last.get("text"), None);
    let typed: hob_wire::reply::Reply = serde_json::from_value(answer).unwrap();
    assert!(matches!(typed, hob_wire::reply::Reply::Ok(_)));

    let port = daemon.port.to_string();
    let (status, log) = daemon.down();
    assert!(status.success(), "{log}");
    assert!(!log.contains("ERROR") && log.contains("good night"), "{log}");
    let gone = Command::new("mosquitto_sub").args(["-p", &port, "-t", "#", "-C", "1", "-W", "1"]).output().unwrap();
    assert!(!gone.status.success(), "the private broker ended with it");
}

#[test]
fn a_hostile_shelf_costs_a_warning_and_no_answer() {
    let dir = folder();
    let models = dir.path().join("models");
    let good = std::fs::read(real::model()).unwrap();
    std::fs::write(models.join("empty.gguf"), b"").unwrap();
    std::fs::write(
        models.join("noise.gguf"),
        (0..100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect::<Vec<_>>(),
    )
    .unwrap();
    std::fs::write(models.join("cut.Q8_0.gguf"), &good[..good.len() / 2]).unwrap();
    // Whole, and richer by its name: but its tensors have other names, so that only loading it shows.
    let place = good.windows(10).position(|window| window == b"blk.0.attn").unwrap();
    let mut liar = good.clone();
    liar[place..place + 3].copy_from_slice(b"xxx");
    liar.extend([0; 4_096]);
    std::fs::write(models.join("liar.Q8_0.gguf"), &liar).unwrap();

    let daemon = Daemon::up(dir, &[]);
    let answer = daemon.ask(&["What is the capital of Italy?"]);
    assert_eq!(answer["model"], "SmolLM2-135M-Instruct", "{answer}\n{}", daemon.log());
    let log = daemon.log();
    for name in ["empty.gguf", "noise.gguf", "cut.Q8_0.gguf", "liar.Q8_0.gguf"] {
        assert!(log.contains(name), "{name} is not named:\n{log}");
    }
    let state: Value = serde_json::from_str(&daemon.retained("hob/t/state/level")).unwrap();
    assert!(state["candidates"].as_array().unwrap().iter().any(|one| one["why"] == "broken"), "{state}");
}

#[test]
fn levels_made_by_quantize_join_the_ladder_while_it_runs() {
    let daemon = Daemon::up(folder(), &[]);
    let dir = daemon.dir.path().to_owned();
    let refused = hob(&dir, daemon.port, &["quantize", "SmolLM2-135M-Instruct.Q4_1.gguf", "Q2_K"]).output().unwrap();
    assert!(!refused.status.success() && said(&refused).contains("--requantize"), "{}", said(&refused));
    let made = hob(&dir, daemon.port, &["quantize", "--requantize", "SmolLM2-135M-Instruct.Q4_1.gguf", "Q2_K"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    assert!(
        said(&made).contains("q3_K") || said(&made).contains("Q3_K"),
        "rows that are no multiple of 256 fall back, and it says so: {}",
        said(&made)
    );

    let answer = daemon.ask(&["--level", "Q2_K", "--max-tokens", "4", "Hello"]);
    assert_eq!((&answer["level"], &answer["why"]), (&json!("Q2_K"), &json!("asked")), "{answer}");
    let list = hob(&dir, daemon.port, &["model", "list", "--json"]).output().unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let made = list.as_array().unwrap().iter().find(|row| row["level"] == "Q2_K").unwrap();
    assert_eq!((&made["requantized"], &made["verified"]), (&json!(true), &json!(true)));
    let verified = hob(&dir, daemon.port, &["model", "verify", "SmolLM2-135M-Instruct.Q2_K.gguf"]).output().unwrap();
    assert!(verified.status.success() && said(&verified).contains("good"), "{}", said(&verified));
    let gone = hob(&dir, daemon.port, &["model", "rm", "SmolLM2-135M-Instruct.Q2_K.gguf"]).output().unwrap();
    assert!(gone.status.success());
    assert_eq!(daemon.ask(&["--level", "Q2_K", "Hello"])["error"]["code"], "no_model");
}

#[test]
fn what_it_takes_is_what_was_predicted_within_a_tenth() {
    let resident = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
    };
    for settings in [vec![], vec![("HOB_ENGINE__SLOTS", "1"), ("HOB_ENGINE__CONTEXT", "512")]] {
        let daemon = Daemon::up(folder(), &settings);
        daemon.ask(&["--max-tokens", "8", "Tell me about the sea, the wind and the rain, and about the birds in it"]);
        let measured = resident(daemon.pid());
        let list = hob(daemon.dir.path(), daemon.port, &["model", "list", "--json"]).envs(settings).output().unwrap();
        let list: Value = serde_json::from_slice(&list.stdout).unwrap();
        let predicted = list[0]["resident_bytes"].as_f64().unwrap();
        let ratio = predicted / measured;
        assert!((0.9..=1.1).contains(&ratio), "predicted {predicted}, measured {measured}, ratio {ratio}");
    }
}

#[test]
fn old_clients_and_passwords_work() {
    let dir = folder();
    let daemon = Daemon::up(dir, &[("HOB_MQTT__VERSION", "3.1.1")]);
    let reply = daemon.mosquitto("ask", r#"{"id":"old","prompt":"What is the capital of Italy?"}"#, "old");
    assert!(reply["text"].as_str().unwrap().contains("Rome"), "{reply}");

    let open = daemon.dir.path().join("password");
    std::fs::write(&open, "secret").unwrap();
    let refused = hob(
        daemon.dir.path(),
        daemon.port,
        &["--set", "mqtt.username=hob", "--set", &format!("mqtt.password_file={}", open.display()), "ask", "x"],
    );
    let refused = { refused }.output().unwrap();
    assert!(said(&refused).contains("others may read it") && !said(&refused).contains("secret"), "{}", said(&refused));
}

#[test]
fn wrong_settings_stop_the_start_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    for (set, part) in
        [("engine.slot=2", "did you mean engine.slots?"), ("engine.slots=0", "between 1 and 16"), ("power.source=ina219", "i2c")]
    {
        let output = hob(dir.path(), 1, &["--set", set, "up"]).output().unwrap();
        assert!(!output.status.success() && said(&output).contains(part), "{set}: {}", said(&output));
    }
}

#[test]
fn texts_become_vectors_by_a_model_that_embeds() {
    let dir = folder();
    let bert = hob_shelf::forge::bert(&hob_shelf::forge::Tiny::default(), &hob_shelf::forge::Words::pieces());
    bert.write(&dir.path().join("models/tiny-bert.F16.gguf")).unwrap();
    let daemon = Daemon::up(dir, &[]);
    let reply = daemon.mosquitto("embed", r#"{"id":"e1","input":["abc def","abc def","ghi"]}"#, "e1");
    assert_eq!((&reply["status"], &reply["model"]), (&json!("ok"), &json!("tiny-bert")), "{reply}");
    let vectors: Vec<Vec<f64>> = serde_json::from_value(reply["embedding"].clone()).unwrap();
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f64>();
    assert!((dot(0, 1) - 1.0).abs() < 1e-3 && dot(0, 2) < 0.9999, "{} {}", dot(0, 1), dot(0, 2));
    let refused = daemon.mosquitto("embed", r#"{"id":"e2","input":"abc","model":"SmolLM2-135M-Instruct"}"#, "e2");
    assert_eq!(refused["error"]["code"], "no_model", "{refused}");
}
