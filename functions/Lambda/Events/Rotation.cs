namespace Backup.Lambda.Events;

/// <summary>One step of a rotation, as Secrets Manager sends it: field names are its own.</summary>
public sealed record RotationEvent
{
    [System.Text.Json.Serialization.JsonPropertyName("SecretId")]
    public string? SecretId { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("ClientRequestToken")]
    public string? ClientRequestToken { get; init; }

    /// <summary>createSecret, setSecret, testSecret or finishSecret.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("Step")]
    public string? Step { get; init; }

    /// <summary>Sent where the secret belongs to another service; not used.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("RotationToken")]
    public string? RotationToken { get; init; }
}

/// <param name="Step">The step that is done.</param>
/// <param name="Role">The login that it was about.</param>
/// <param name="Sentence">What was done, or that there was nothing to do.</param>
public sealed record RotationResult(string Step, string Role, string Sentence);
