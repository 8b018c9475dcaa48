using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backup.Core.Model;

/// <summary>The bytes of a manifest: writing with its own hash, reading with every check.</summary>
public static class ManifestJson
{
    private const string HashField = "\"manifestSha256\": \"";
    private static readonly string _zeros = new('0', 64);

    /// <summary>Serializes with a fresh <see cref="Manifest.ManifestSha256"/>.</summary>
    public static byte[] Write(Manifest manifest)
    {
        var text = JsonSerializer.Serialize(manifest with { ManifestSha256 = _zeros }, Context.Manifest);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        var at = text.LastIndexOf(HashField, StringComparison.Ordinal) + HashField.Length;
        return Encoding.UTF8.GetBytes(string.Concat(text.AsSpan(0, at), hash, text.AsSpan(at + 64)));
    }

    /// <summary>backup.format for a version that is not known, backup.damaged for anything that was not written by <see cref="Write"/>.</summary>
    public static Manifest Read(ReadOnlySpan<byte> json, string key)
    {
        CheckHash(json, key);
        try
        {
            var manifest = JsonSerializer.Deserialize(json, Context.Manifest)
                ?? throw new JsonException("the document is null");
            return manifest.SchemaVersion == Manifest.CurrentVersion ? manifest : throw UnknownVersion(key, manifest.SchemaVersion);
        }
        catch (JsonException e)
        {
            throw TryVersion(json) is { } version && version != Manifest.CurrentVersion
                ? UnknownVersion(key, version)
                : Damaged(key, e.Message);
        }
    }

    /// <summary>What a vault's other small documents are written with too.</summary>
    public static ManifestContext Context { get; } = new(NewOptions());

    /// <summary>The style of every JSON document in a vault. A new value each time: a serializer context makes it its own.</summary>
    public static JsonSerializerOptions NewOptions() => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new WordConverter<Provider>(), new WordConverter<Tier>(), new WordConverter<BackupKind>(), new WordConverter<LockMode>(),
            new WordConverter<ArtifactRole>(), new WordConverter<Severity>(), new WordConverter<IncrementMode>(),
        },
    };

    private static void CheckHash(ReadOnlySpan<byte> json, string key)
    {
        var at = json.LastIndexOf(Encoding.UTF8.GetBytes(HashField));
        if (at < 0 || json.Length < at + HashField.Length + 64) throw Damaged(key, "it ends too early or is not a manifest");
        var start = at + HashField.Length;
        var stated = Encoding.ASCII.GetString(json.Slice(start, 64));
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(json[..start]);
        sha.AppendData(Encoding.ASCII.GetBytes(_zeros));
        sha.AppendData(json[(start + 64)..]);
        var actual = Convert.ToHexStringLower(sha.GetHashAndReset());
        if (!string.Equals(stated, actual, StringComparison.Ordinal)) throw Damaged(key, $"its SHA-256 is {actual}, it says {stated}");
    }

    private static int? TryVersion(ReadOnlySpan<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json.ToArray());
            return document.RootElement.TryGetProperty("schemaVersion", out var v) && v.TryGetInt32(out var version) ? version : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static BackupException UnknownVersion(string key, int version) => new(ErrorCode.BackupFormat,
        $"{key} has schemaVersion {version}; this program reads {Manifest.CurrentVersion}", "Use a newer version of this program.");

    private static BackupException Damaged(string key, string why) => new(ErrorCode.BackupDamaged,
        $"{key} is damaged: {why}", "Use another backup, or fetch this manifest from a copy of the vault.");
}

/// <summary>Enum values as the words of the policy and the manifest.</summary>
public sealed class WordConverter<T> : JsonConverter<T> where T : struct, Enum
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Words.TryParse<T>(reader.GetString(), out var value)
            ? value
            : throw new JsonException($"\"{reader.GetString()}\" is not one of {string.Join(", ", Words.All<T>())}");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStringValue(Words.Of(value));
    }
}

[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(LockedFact))]
[JsonSerializable(typeof(Tombstone))]
[JsonSerializable(typeof(Evidence))]
public sealed partial class ManifestContext : JsonSerializerContext;
