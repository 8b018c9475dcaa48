namespace Backup.Core.Model;

public enum Severity
{
    Info,
    Warning,
    Critical,
}

/// <summary>One thing that a run, check, verify or doctor noticed. Holds no secret.</summary>
public sealed record Finding
{
    public required Severity Severity { get; init; }

    /// <summary>Stable, dotted name, for example <c>globals.missing</c>.</summary>
    public required string Code { get; init; }

    /// <summary>What it is about: a database, a table, an object, a key path.</summary>
    public required string Subject { get; init; }

    /// <summary>Line (from 1) of the document that <see cref="Subject"/> is a key path of; null when it is not about a document.</summary>
    public int? Line { get; init; }

    public required string Sentence { get; init; }

    public required string NextStep { get; init; }
}
