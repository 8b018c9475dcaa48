namespace Backup.Core.Policies;

/// <summary>The policy's written forms for values that also come from the command line.</summary>
public static class PolicyText
{
    /// <summary>Bytes, or a number and KiB, MiB, GiB or TiB.</summary>
    public static bool TrySize(string text, out long bytes) => Forms.Size.Parse(text, out bytes) is null;
}
