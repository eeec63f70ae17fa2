// The command line. Also compiled into build.rs, which makes the man pages and shell completions of it;
// so it uses nothing but clap and std.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Answers prompts over MQTT at a quantization level it chose, and says what each answer cost.
#[derive(Debug, Parser)]
#[command(name = "hob", version, propagate_version = true)]
pub struct Cli {
    /// Settings file, on top of /etc/hob/hob.toml
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, on top of all others; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGTERM or Ctrl-C
    Up,
    /// Ask a prompt over MQTT, like any client
    Ask(AskArgs),
    /// Show what the board draws and where it goes, live
    Power(PowerArgs),
    /// Say in one sentence why the last prompt got the level that it got
    Why(WhyArgs),
    /// Let weeks of weather, battery and prompts pass in seconds, under the real policy
    Simulate(SimulateArgs),
    /// The shelf of models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Make other quantization levels out of a GGUF
    Quantize(QuantizeArgs),
    /// Check this machine, and say how to mend what is wrong
    Doctor,
    /// Print the settings in force and where each came from
    Config,
    /// Load a file and compute one token with it: run by the daemon before it loads a file
    #[command(hide = true)]
    Probe {
        /// The GGUF file
        file: PathBuf,
    },
}

/// Which device, at which broker.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// Which device, if the broker has several
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Broker; else mqtt.host, else localhost
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Port of the broker; else mqtt.port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// A question.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// What to ask; `-` reads it from standard input
    pub prompt: String,
    /// Print the answer as the JSON that came
    #[arg(long)]
    pub json: bool,
    /// Wait for the whole answer instead of printing it as it comes
    #[arg(long)]
    pub no_stream: bool,
    /// Which device, at which broker
    #[command(flatten)]
    pub place: WhereArgs,
    /// Id of the prompt: the same id again brings the same answer
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Standing instructions
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Model, by its name on the shelf
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Quantization level, such as Q4_K_M
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Most tokens of the answer
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u32>,
    /// 0 picks the likeliest token; up to 2
    #[arg(long, value_name = "T")]
    pub temperature: Option<f64>,
    /// Same seed, same answer
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// File with a JSON Schema that the answer must match
    #[arg(long, value_name = "FILE")]
    pub json_schema: Option<PathBuf>,
    /// File with a GBNF grammar that the answer must match
    #[arg(long, value_name = "FILE")]
    pub grammar: Option<PathBuf>,
    /// The answer must be there after so many milliseconds
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The answer may cost so many joules at the wall
    #[arg(long, value_name = "J")]
    pub max_joules: Option<f64>,
    /// No level below this quality, in percent of the best
    #[arg(long, value_name = "PCT")]
    pub min_quality: Option<f64>,
    /// Give up after so many seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub timeout: u64,
}

/// What the board draws.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PowerArgs {
    /// Which device, at which broker
    #[command(flatten)]
    pub place: WhereArgs,
    /// End after so many readings, one a second
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Print each reading as the JSON that came
    #[arg(long)]
    pub json: bool,
    /// Or compare this board's meter with a better one
    #[command(subcommand)]
    pub command: Option<PowerCommand>,
}

/// About the meter of this board.
#[derive(Debug, Subcommand)]
pub enum PowerCommand {
    /// Find out by how much the meter is off, and keep that as this board's gain
    Calibrate {
        /// What a better meter in the board's supply says meanwhile, in watts, averaged
        #[arg(long, value_name = "WATTS")]
        against: f64,
        /// Measure for so long
        #[arg(long, value_name = "S", default_value_t = 30)]
        seconds: u64,
    },
}

/// Whose decision.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Which device, at which broker
    #[command(flatten)]
    pub place: WhereArgs,
    /// Print it as the JSON that came
    #[arg(long)]
    pub json: bool,
}

/// What to let pass.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Scenarios: names of shipped ones, or TOML files; all shipped ones if none is given
    pub scenarios: Vec<String>,
    /// Policies to compare: hob, hob:MODE, thresholds, or a level's name; all if none is given
    #[arg(long, value_name = "POLICY")]
    pub policy: Vec<String>,
    /// Weeks of each
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub weeks: u32,
    /// With idle power trimmed
    #[arg(long)]
    pub trim: bool,
    /// The dice start here: the same seed, the same weeks
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Draw SVG charts into this folder
    #[arg(long, value_name = "DIR")]
    pub charts: Option<PathBuf>,
    /// Print this shipped scenario, to begin one's own with
    #[arg(long, value_name = "NAME")]
    pub show: Option<String>,
}

/// The shelf of models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// What is on the shelf, and what the catalogue offers
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a model: a name from the catalogue, or OWNER/REPO/FILE.gguf on the hub
    Pull {
        /// Name in the catalogue, or OWNER/REPO/FILE.gguf
        name: String,
        /// Level, where the catalogue has several; else the smallest
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
    },
    /// Copy models from a file or folder (a USB stick) onto the shelf
    Import {
        /// A GGUF file, or a folder of them
        path: PathBuf,
    },
    /// Compute all checksums and compare them
    Verify {
        /// One file only
        file: Option<String>,
    },
    /// Remove a file from the shelf
    Rm {
        /// Name of the file
        file: String,
    },
}

/// Which levels to make of what.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// The GGUF to start from: a path, or a file name on the shelf
    pub from: PathBuf,
    /// Levels to make, such as Q8_0 Q4_K_M TQ2_0
    #[arg(required = true)]
    pub levels: Vec<String>,
    /// Start from a file that is quantized already (the results are marked)
    #[arg(long)]
    pub requantize: bool,
    /// Threads; 0 is one per core
    #[arg(long, default_value_t = 0)]
    pub threads: u32,
}
