namespace Backup.Core.Postgres;

/// <summary>What a throw-away server must be like. The defaults suit a database made with today's defaults.</summary>
public sealed record ClusterRequest
{
    public string Encoding { get; init; } = "UTF8";

    /// <summary>Operating system locales of template0 and template1. A missing one is built, never replaced by another.</summary>
    public string LcCollate { get; init; } = "C.UTF-8";
    public string LcCtype { get; init; } = "C.UTF-8";

    /// <summary><c>icu</c> (15 and later) or <c>builtin</c> (17 and later) with its locale's name; null is the operating system's.</summary>
    public string? LocaleProvider { get; init; }
    public string? ProviderLocale { get; init; }

    /// <summary>Further operating system locales that databases to be created here will name.</summary>
    public IReadOnlyList<string> Locales { get; init; } = [];

    /// <summary>The role that initdb makes. Another name than the source's: then its objects' owner of this name is a plain role here.</summary>
    public string SuperUser { get; init; } = "postgres";

    public int MaxConnections { get; init; } = 60;

    /// <summary>False: nothing is flushed to the disk, since the data need not outlive the process.</summary>
    public bool Durable { get; init; }

    /// <summary>Null: no TCP at all. A number: also on 127.0.0.1, where a role needs its password (scram-sha-256).</summary>
    public int? TcpPort { get; init; }

    /// <summary>
    /// Where the kernel allows it (Linux, user namespaces), the server gets no network but its socket: what a restored function
    /// does stays on this machine. <see cref="ThrowawayCluster.IsIsolated"/> tells whether it was possible.
    /// </summary>
    public bool Isolate { get; init; }

    /// <summary>Lines for postgresql.conf; they win over the settings made here.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The user that runs the server when this process is root: PostgreSQL refuses root.</summary>
    public string RootRunsAs { get; init; } = "postgres";

    /// <summary>Where the data goes; null is the machine's temp folder, or /tmp when the server's user may not enter that one.</summary>
    public string? Folder { get; init; }

    /// <summary>How long the server may take to start.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
