using System.Text;
using Backup.Core.Model;

namespace Backup.Core.Tests.Manifests;

public sealed class KeyTests
{
    [Fact]
    public void The_longest_names_of_PostgreSQL_fit_into_a_file_name_and_stay_different()
    {
        string Chunk(string schema, string table) => VaultKeys.Chunk("p/", "0a1b2c3d", new TableName(schema, table), 12345, ["zstd", "gpg"]);
        var long1 = Chunk(new string('ü', 31), new string('é', 31));
        var long2 = Chunk(new string('ü', 31), new string('é', 30) + "e");
        Assert.All((string[])[long1, long2], k => Assert.True(Encoding.UTF8.GetByteCount(Path.GetFileName(k)) <= 255, k));
        Assert.NotEqual(long1, long2);
        Assert.True(Encoding.UTF8.GetByteCount(Path.GetFileName(VaultKeys.BackupPrefix("e", Tier.Manual, BackupId.Create(new string('ü', 31), DateTimeOffset.UnixEpoch)).TrimEnd('/'))) <= 255);
    }

    [Theory]
    [InlineData("plain_Name-1.x")]
    [InlineData("..")]
    [InlineData("a/b%2F\nü 🙂")]
    public void Escaping_is_reversible_and_safe_in_every_key(string name)
    {
        var escaped = VaultKeys.Escape(name, '.');
        Assert.Matches("^[A-Za-z0-9_%-]+$", escaped);
        Assert.Equal(name, VaultKeys.Unescape(escaped));
        Assert.Equal(name, VaultKeys.Unescape(VaultKeys.Escape(name)));
    }
}
