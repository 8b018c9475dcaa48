using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Lambda.Hosting;

/// <summary>Turns an event into its record. What it does not know is an error that names what it knows: a misspelled field would else be a silent default.</summary>
public static class EventReader
{
    /// <exception cref="BackupException">usage</exception>
    public static T Read<T>(JsonElement json, JsonTypeInfo<T> type, string function)
    {
        ArgumentNullException.ThrowIfNull(type);
        var known = type.Properties.Select(p => p.Name).ToList();
        if (json.ValueKind != JsonValueKind.Object) throw Wrong(function, $"is {json.ValueKind}, not an object", known);
        var unknown = json.EnumerateObject().Select(p => p.Name).Except(known, StringComparer.Ordinal).ToList();
        if (unknown.Count > 0) throw Wrong(function, $"has {string.Join(", ", unknown.Select(u => $"\"{(u.Length > 40 ? u[..40] + "…" : u)}\""))}", known);
        try
        {
            return json.Deserialize(type) ?? throw Wrong(function, "is null", known);
        }
        catch (JsonException e)
        {
            throw Wrong(function, $"cannot be read at {e.Path}", known);
        }
    }

    public static DateTimeOffset Time(string text, string field) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : throw new BackupException(ErrorCode.UsageWrong, $"{field} is not a time", "Give a UTC time such as 2026-03-01T02:00:00Z; a schedule writes <aws.scheduler.scheduled-time>.");

    /// <summary>The policy's database of this name; with a function that serves one database only, that one.</summary>
    public static DatabasePolicy Database(string? name, Policy policy, Settings settings)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(settings);
        var known = policy.Databases.Where(d => settings.Database is null || d.Name == settings.Database).ToList();
        return known.FirstOrDefault(d => d.Name == name)
            ?? throw new BackupException(ErrorCode.UsageWrong, name is null ? "the event names no database" : $"the event's database \"{name}\" is not served here",
                $"This function serves {string.Join(", ", known.Select(d => d.Name))}.");
    }

    private static BackupException Wrong(string function, string why, IReadOnlyList<string> known) =>
        new(ErrorCode.UsageWrong, $"the event {why}", $"{function} knows the fields {string.Join(", ", known)}.");
}
