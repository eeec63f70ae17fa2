//! The harness of the stories: the real tasks, a scripted engine, a scripted board, a paused clock, and the broker's
//! two ends in the hand of the story.
//!
//! A [`Place`] is where a house stands: its shelf, what it keeps, and the files of its board. It outlives the house, so
//! that a story may go on in another one.

#![allow(dead_code, reason = "each story uses a part of the harness")]

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use hob::{
    gauge::{Gauge, Label},
    house::{self, Parts},
    messages::{Arrival, Letter},
    settings::{self, Loaded, Settings},
    tasks::{
        metering::Trouble,
        supply::{Charger, Line, Watched},
    },
};
use hob_core::{
    battery::{Chemistry, Pack},
    prompt::Finish,
    units::{BasisPoints, Bytes, Micros, MilliampHours, Milliamps, Millivolts, Milliwatts},
};
use hob_engine::{Parrot, ParrotHandle};
use hob_hal::memory::{Memory, MemoryError, MemoryReading};
use hob_hal::meter::{Meter, MeterError, Reading, Source, Supply};
use hob_shelf::forge;
use hob_wire::properties::Properties;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Nothing takes this long on a paused clock but a defect.
const FOR_EVER: Duration = Duration::from_hours(2);

/// How often a meter is read.
const BEAT: Duration = Duration::from_millis(50);

/// Where a house stands.
#[derive(Clone)]
pub(crate) struct Place(Arc<TempDir>);

impl Place {
    /// With two levels of a model called `tiny` on the shelf.
    pub(crate) fn new() -> Self {
        let place = Self(Arc::new(tempfile::tempdir().unwrap()));
        let shelf = place.shelf();
        std::fs::create_dir(&shelf).unwrap();
        level(&shelf, "Q8_0", 4);
        level(&shelf, "Q4_0", 1);
        // The files differ in their layers alone: only the manifest knows which is the better one.
        measured(&shelf, &[("Q8_0", 9_900), ("Q4_0", 9_700)]);
        place
    }

    /// The same, and a house here knows what its levels cost: 2 J above idle and 0.5 s a token of an answer at `Q8_0`,
    /// half of that at `Q4_0`, a prompt for next to nothing.
    pub(crate) fn with_known_costs() -> Self {
        let place = Self::new();
        let costs = |level: &str, millis: u64| {
            json!({
                "model": "tiny", "level": level, "prefill_uj": 1_000, "decode_uj": millis * 4_000, "prefill_us": 1_000,
                "decode_us": millis * 1_000, "load_us": 100_000, "load_uj": 100_000, "answers": 34, "loads": 5,
                "energy_error": 0, "time_error": 0,
            })
        };
        place.put("learned.json", &json!({"levels": [costs("Q8_0", 500), costs("Q4_0", 250)]}).to_string());
        place
    }

    /// Files of a board.
    pub(crate) fn with_files(self, files: &[(&str, &str)]) -> Self {
        for (path, text) in files {
            self.put(path, text);
        }
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn shelf(&self) -> PathBuf {
        self.path().join("shelf")
    }

    /// What a file says.
    pub(crate) fn says(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap().trim().to_owned()
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// A battery's line, as the story says.
#[derive(Clone)]
pub(crate) struct SaidLine(Arc<Mutex<Supply>>);

impl SaidLine {
    pub(crate) fn new(millivolts: u32, milliamps: i32) -> Self {
        Self(Arc::new(Mutex::new(Supply { volts: Millivolts(millivolts), current: Milliamps(milliamps) })))
    }

    /// From now on; above zero out of the battery.
    pub(crate) fn carries(&self, millivolts: u32, milliamps: i32) {
        *self.0.lock().unwrap() = Supply { volts: Millivolts(millivolts), current: Milliamps(milliamps) };
    }

    /// Two lithium cells behind it: 2.6 Ah at about 7.3 V.
    pub(crate) fn of_a_battery(&self, charger: Charger) -> Watched {
        Watched { charger, line: Line::Own(Box::new(self.clone())), ..unwatched_battery() }
    }
}

/// The same battery, with nobody to look at it.
pub(crate) fn unwatched_battery() -> Watched {
    let pack = Pack { chemistry: Chemistry::Nmc, cells: 2, capacity: MilliampHours(2_600) };
    Watched { pack: Some(pack), line: Line::Counted, charger: Charger::Sun, converter: BasisPoints(9_000) }
}

impl Meter for SaidLine {
    fn read(&mut self) -> Result<Reading, MeterError> {
        let supply = Some(*self.0.lock().unwrap());
        Ok(Reading { supply, ..Reading::plain(Milliwatts(0), Micros(50_000)) })
    }

    fn source(&self) -> Source {
        Source::Ina219
    }

    fn bound(&self) -> BasisPoints {
        BasisPoints(160)
    }
}

/// Files that take their time to load, until the story lets them.
#[derive(Default)]
struct Gate {
    shut: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
    loading: AtomicBool,
}

impl Gate {
    fn pass(&self) {
        let shut = self.shut.lock().unwrap().take();
        if let Some(opened) = shut {
            self.loading.store(true, Ordering::Relaxed);
            let _opened = opened.recv();
        }
    }
}

pub(crate) struct House {
    pub(crate) parrot: ParrotHandle,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) shelf: PathBuf,
    memory: Arc<Mutex<u64>>,
    gate: Arc<Gate>,
    arrivals: Option<mpsc::Sender<Arrival>>,
    letters: mpsc::Receiver<Letter>,
    pub(crate) acks: Arc<Mutex<usize>>,
    pub(crate) troubles: mpsc::Sender<Trouble>,
    stop: CancellationToken,
    life: JoinHandle<()>,
    _place: Place,
}

/// Free memory as the story says.
struct SaidMemory(Arc<Mutex<u64>>);

impl Memory for SaidMemory {
    fn read(&mut self) -> Result<MemoryReading, MemoryError> {
        let available = Bytes::from_mebibytes(*self.0.lock().unwrap());
        Ok(MemoryReading { total: Bytes::from_mebibytes(4_096), available, pressure: None })
    }
}

impl House {
    /// A house on the grid, at a place of its own.
    pub(crate) fn new(settings: &[&str]) -> Self {
        Self::at(&Place::new(), settings)
    }

    /// A house on the grid.
    pub(crate) fn at(place: &Place, settings: &[&str]) -> Self {
        Self::fed(Watched { pack: None, line: Line::None, charger: Charger::Sun, converter: BasisPoints(9_000) }, place, settings)
    }

    /// A house that is fed so.
    pub(crate) fn fed(watched: Watched, place: &Place, settings: &[&str]) -> Self {
        let settings = read_settings(settings, place);
        let start = Instant::now();
        let clock: hob_hal::clock::Clock = Arc::new(move || Micros(u64::try_from(start.elapsed().as_micros()).unwrap()));
        let label = Label { source: "simulated", bound: BasisPoints(0), idle: Milliwatts(2_000), doubted: false };
        let gauge = Gauge::new(clock, label);
        let (parrot, handle) = Parrot::new();
        let memory = Arc::new(Mutex::new(3_000));
        let gate = Arc::<Gate>::default();
        let at_the_gate = Arc::clone(&gate);
        let (troubles, troubles_in) = mpsc::channel(64);
        let (arrivals, arrivals_in) = mpsc::channel(64);
        let (letters_out, letters) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let parts = Parts {
            heads: Arc::new(parrot),
            gauge: Arc::clone(&gauge),
            troubles: troubles_in,
            watched,
            memory: [Box::new(SaidMemory(Arc::clone(&memory))), Box::new(SaidMemory(Arc::clone(&memory)))],
            prober: Arc::new(move |_| {
                at_the_gate.pass();
                Ok(())
            }),
            loading: Arc::new(|_, _| ()),
            root: place.path().to_owned(),
            arrivals: arrivals_in,
            letters: letters_out,
        };
        let token = stop.clone();
        let life = tokio::spawn(async move { house::run(parts, &settings, token).await.unwrap() });
        Self {
            parrot: handle,
            gauge,
            shelf: place.shelf(),
            memory,
            gate,
            arrivals: Some(arrivals),
            letters,
            acks: Arc::default(),
            troubles,
            stop,
            life,
            _place: place.clone(),
        }
    }

    /// From now on so many MiB are free.
    pub(crate) fn free_memory(&self, mebibytes: u64) {
        *self.memory.lock().unwrap() = mebibytes;
    }

    /// The board draws this, and so for the span: twenty readings a second.
    pub(crate) async fn draws(&self, milliwatts: u32, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            tokio::time::sleep(BEAT).await;
            self.gauge.read(&Reading::plain(Milliwatts(milliwatts), Micros(50_000)));
        }
    }

    /// Somebody asks with these words and is loaded for: that takes so long, at this draw.
    pub(crate) async fn loads_for(&self, ask: &Value, milliwatts: u32, span: Duration) {
        let (open, shut) = std::sync::mpsc::sync_channel(1);
        *self.gate.shut.lock().unwrap() = Some(shut);
        self.ask(ask).await;
        while !self.gate.loading.swap(false, Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        // The paused clock does not go on by itself while a thread works.
        let end = Instant::now() + span;
        while Instant::now() < end {
            tokio::time::advance(BEAT).await;
            self.gauge.read(&Reading::plain(Milliwatts(milliwatts), Micros(50_000)));
        }
        drop(open);
    }

    /// So much time passes, and nobody reads the meter.
    pub(crate) async fn waits(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// A message comes in.
    pub(crate) async fn arrives(&self, topic: &str, payload: impl Into<Vec<u8>>, properties: Properties) {
        self.delivers(topic, payload.into(), properties, false).await;
    }

    /// A message comes in that the broker had kept.
    pub(crate) async fn arrives_kept(&self, topic: &str, payload: &str) {
        self.delivers(topic, payload.into(), Properties::default(), true).await;
    }

    /// A command comes in.
    pub(crate) async fn told(&self, topic: &str, payload: &str) {
        self.delivers(topic, payload.into(), Properties::default(), false).await;
    }

    async fn delivers(&self, topic: &str, payload: Vec<u8>, properties: Properties, retained: bool) {
        let acks = Arc::clone(&self.acks);
        let ack = Box::new(move || *acks.lock().unwrap() += 1);
        let arrival = Arrival { topic: topic.into(), payload, retained, properties, ack };
        self.arrivals.as_ref().unwrap().send(arrival).await.unwrap();
    }

    /// Somebody asks.
    pub(crate) async fn ask(&self, json: &Value) {
        self.arrives("hob/house/ask", json.to_string(), Properties::json()).await;
    }

    /// The next letter on a topic that ends like this; others are passed over.
    pub(crate) async fn hears(&mut self, ending: &str) -> Value {
        self.letter(ending).await.1
    }

    /// The same, with the letter itself.
    pub(crate) async fn letter(&mut self, ending: &str) -> (Letter, Value) {
        let wait = async {
            loop {
                let letter = self.letters.recv().await.expect("the house is dark");
                if letter.topic.ends_with(ending) {
                    let value = serde_json::from_slice(&letter.payload).unwrap();
                    return (letter, value);
                }
            }
        };
        tokio::time::timeout(FOR_EVER, wait).await.unwrap_or_else(|_| panic!("nothing was said on …{ending}"))
    }

    /// Somebody asks `x` and is answered at once; the answer.
    pub(crate) async fn answers(&mut self, id: &str) -> Value {
        self.ask(&json!({"id": id, "prompt": "x"})).await;
        self.in_hand(1).await;
        self.parrot.answer("x", Finish::Stop);
        self.replies(id).await
    }

    /// What is finally said to whoever asked.
    pub(crate) async fn replies(&mut self, id: &str) -> Value {
        loop {
            let said = self.hears(&format!("/answer/{id}")).await;
            if said["status"] != "accepted" {
                return said;
            }
        }
    }

    /// The first of the next letters on a topic that is as it should be; a hundred are enough.
    pub(crate) async fn hears_that(&mut self, ending: &str, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..100 {
            let said = self.hears(ending).await;
            if is(&said) {
                return said;
            }
        }
        panic!("never said on …{ending}");
    }

    /// Everything that is said on topics that end like this, until the house is dark.
    pub(crate) async fn hears_to_the_end(&mut self, ending: &str) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(letter) = tokio::time::timeout(FOR_EVER, self.letters.recv()).await.unwrap() {
            if letter.topic.ends_with(ending) {
                all.push(serde_json::from_slice(&letter.payload).unwrap());
            }
        }
        all
    }

    /// Waits until the engine has so many prompts in hand.
    pub(crate) async fn in_hand(&self, count: usize) {
        let wait = async {
            while self.parrot.in_hand().len() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(FOR_EVER, wait)
            .await
            .unwrap_or_else(|_| panic!("never {count} in hand, but {:?}", self.parrot.in_hand()));
    }

    /// SIGTERM.
    pub(crate) fn close(&self) {
        self.stop.cancel();
    }

    /// Every task has ended.
    pub(crate) async fn goes_dark(self) {
        tokio::time::timeout(FOR_EVER, self.life).await.expect("the house does not close").unwrap();
    }
}

/// Puts a level onto the shelf: a real GGUF header with so many layers.
pub(crate) fn level(shelf: &Path, name: &str, layers: u64) {
    let tiny = forge::Tiny { layers, ..forge::Tiny::default() };
    let number = forge::Meta::U32(hob_shelf::gguf::level_number(name).unwrap());
    let model = forge::llama(&tiny, &forge::Words::bytes()).meta("general.file_type", number);
    model.write(&shelf.join(format!("tiny.{name}.gguf"))).unwrap();
}

/// Writes down how good the levels are, in hundredths of a percent.
fn measured(shelf: &Path, levels: &[(&str, u32)]) {
    let entry = |(name, score): &(&str, u32)| {
        let file = format!("tiny.{name}.gguf");
        let bytes = std::fs::metadata(shelf.join(&file)).unwrap().len();
        let quality = json!({"score_bp": score, "measured_by": "the story"});
        (file, json!({"model": "tiny", "level": name, "bytes": bytes, "quality": quality}))
    };
    let files: serde_json::Map<String, Value> = levels.iter().map(entry).collect();
    std::fs::write(shelf.join("shelf.json"), json!({ "files": files }).to_string()).unwrap();
}

fn read_settings(given: &[&str], place: &Place) -> Settings {
    let own = [
        "device.id=house".to_owned(),
        format!("state.dir={}", place.path().display()),
        format!("shelf.dir={}", place.shelf().display()),
        "telemetry.every_s=3600".to_owned(),
    ];
    let flags = own.into_iter().chain(given.iter().map(ToString::to_string)).collect();
    Loaded::read(&settings::Place { flags, ..settings::Place::default() }).unwrap().settings
}
