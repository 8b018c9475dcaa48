using System.Text.Json;
using System.Text.Json.Serialization;
using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>The memory of notices in a small JSON file. A damaged file counts as empty: better told twice than never.</summary>
public sealed class NoticeStateFile(string path) : INoticeState
{
    private static readonly NoticeStateContext _context = new(ManifestJson.NewOptions());

    public async Task<IReadOnlyDictionary<string, ToldFact>> LoadAsync(CancellationToken cancel)
    {
        try
        {
            await using var file = File.OpenRead(path);
            return await JsonSerializer.DeserializeAsync(file, _context.DictionaryStringToldFact, cancel) ?? [];
        }
        catch (Exception e) when (e is FileNotFoundException or JsonException)
        {
            return new Dictionary<string, ToldFact>();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    public async Task SaveAsync(IReadOnlyDictionary<string, ToldFact> told, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(told);
        // Renamed into place: a process that is killed leaves the old memory or the new one, never half of it.
        var temporary = $"{path}.{Guid.NewGuid():n}";
        try
        {
            await File.WriteAllBytesAsync(temporary, JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, ToldFact>(told), _context.DictionaryStringToldFact), cancel);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk must not gain a file with each watch.
            if (File.Exists(temporary)) File.Delete(temporary);
            throw Unusable(e);
        }
    }

    private BackupException Unusable(Exception e) => new(ErrorCode.UsageWrong, $"the memory of notices {path} cannot be used: {e.Message}", "Name a file in a folder that this user may write to.", e);
}

[JsonSerializable(typeof(Dictionary<string, ToldFact>))]
internal sealed partial class NoticeStateContext : JsonSerializerContext;
